// y[b, s, d] = scale * sum over r in slice s of x[b, r, d]; x is [B, R, D], one thread per output value.
alias T = ${TYPE};
struct Params { outer: u32, length: u32, inner: u32, slices: u32, scale: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.outer * params.slices * params.inner) { return; }
  let d = i % params.inner;
  let s = i / params.inner % params.slices;
  let b = i / (params.inner * params.slices);
  let step = (params.length + params.slices - 1u) / params.slices;
  let first = s * step;
  let last = min(first + step, params.length);
  var sum = T();
  for (var r = first; r < last; r++) {
    sum += x_at((b * params.length + r) * params.inner + d);
  }
  y_set(i, sum * params.scale);
}
