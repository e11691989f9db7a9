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
  // Four at a time: a turn of the loop costs a software adapter as much as a sum.
  var at = (b * params.length + first) * params.inner + d;
  var r = first;
  for (; r + 4u <= last; r += 4u) {
    sum += (x_at(at) + x_at(at + params.inner)) + (x_at(at + 2u * params.inner) + x_at(at + 3u * params.inner));
    at += 4u * params.inner;
  }
  for (; r < last; r++) {
    sum += x_at(at);
    at += params.inner;
  }
  y_set(i, sum * params.scale);
}
