// Means and sums of squared deviations of x [outer, rows, channels], over slices of the rows: one thread per (outer,
// slice, channel unit T). Welford's recurrence: one reading, and no difference of large squares.
//   parts[outer, slice, 0, channel] = mean      parts[outer, slice, 1, channel] = sum of (x - mean)^2
alias T = ${TYPE};
struct Params { outer: u32, rows: u32, width: u32, slices: u32 }

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
  var mean = T();
  var deviations = T();
  for (var row = first; row < last; row++) {
    let value = x_at((o * params.rows + row) * params.width + d);
    let difference = value - mean;
    mean = fma(difference, T(1.0 / f32(row - first + 1u)), mean);
    deviations = fma(difference, value - mean, deviations);
  }
  parts[2u * part * params.width + d] = mean;
  parts[(2u * part + 1u) * params.width + d] = deviations;
}
