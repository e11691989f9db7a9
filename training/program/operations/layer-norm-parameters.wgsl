// Gradients of gain and shift: one thread per (slice of the rows, feature) makes partial sums, SUM adds those up.
//   parts[slice, 0, d] = sum of dy * xhat      parts[slice, 1, d] = sum of dy
alias T = ${TYPE};
struct Params { rows: u32, width: u32, slices: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
#if SUM
  if (i >= 2u * params.width) { return; }
  var sum = T();
  for (var slice = 0u; slice < params.slices; slice++) { sum += parts[slice * 2u * params.width + i]; }
  if (i < params.width) { gain[i] = sum; } else { shift[i - params.width] = sum; }
#else
  if (i >= params.width * params.slices) { return; }
  let d = i % params.width;
  let slice = i / params.width;
  let step = (params.rows + params.slices - 1u) / params.slices;
  let first = slice * step;
  let last = min(first + step, params.rows);
  var gainSum = T();
  var shiftSum = T();
  for (var row = first; row < last; row++) {
    let g = dy_at(row * params.width + d);
    gainSum += g * (x_at(row * params.width + d) - T(statistics[row * 2u])) * T(statistics[row * 2u + 1u]);
    shiftSum += g;
  }
  parts[slice * 2u * params.width + d] = gainSum;
  parts[(slice * 2u + 1u) * params.width + d] = shiftSum;
#end
}
