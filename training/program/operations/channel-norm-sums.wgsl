// What the gradients of a normalisation sum up, over slices of the rows: one thread per (outer, slice, channel unit T).
//   parts[outer, slice, 0, channel] = sum of dy * xhat      parts[outer, slice, 1, channel] = sum of dy
alias T = ${TYPE};
struct Params { outer: u32, rows: u32, width: u32, slices: u32, eps: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.outer * params.slices * params.width) { return; }
  let d = i % params.width;
  let part = i / params.width;
  let slice = part % params.slices;
  let o = part / params.slices;
  let step = (params.rows + params.slices - 1u) / params.slices;
  let first = slice * step;
  let last = min(first + step, params.rows);
  let centre = mean[o * params.width + d];
  let inverse = T(1.0) / sqrt(variance[o * params.width + d] + T(params.eps));
  var gainSum = T();
  var shiftSum = T();
  for (var row = first; row < last; row++) {
    let at = (o * params.rows + row) * params.width + d;
    let g = dy_at(at);
    gainSum = fma(g, x_at(at) - centre, gainSum);
    shiftSum += g;
  }
  parts[2u * part * params.width + d] = gainSum * inverse;
  parts[(2u * part + 1u) * params.width + d] = shiftSum;
}
