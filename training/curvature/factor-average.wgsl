// Bias-corrected moving average of all factors in one launch: F += mix (fresh - F).
struct Params { quads: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.quads) { return; }
  factors[i] += step.factorMix * (fresh[i] - factors[i]);
}
