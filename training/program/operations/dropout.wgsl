// y = x / (1 - rate) where a draw keeps it, else 0 (NaN stays NaN). One thread per four numbers, for which one call of
// the generator is enough; its counter holds the four's position, so the mask does not depend on shape or kernel.
struct Params { count: u32, stream: u32, rate: f32, scale: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (4u * i >= params.count) { return; }
  let bits = philox(vec4<u32>(i, step.index, params.stream, 0u), vec2<u32>(step.seed, 0x44524f50u));
#if QUADS
  let draws = vec4f(unit(bits.x), unit(bits.y), unit(bits.z), unit(bits.w));
  y_set(i, x_at(i) * select(vec4f(), vec4f(params.scale), draws >= vec4f(params.rate)));
#else
  for (var lane = 0u; lane < 4u && 4u * i + lane < params.count; lane++) {
    let kept = select(0.0, params.scale, unit(bits[lane]) >= params.rate);
    y_set(4u * i + lane, x_at(4u * i + lane) * kept);
  }
#end
}
