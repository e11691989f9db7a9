// Gradients of gain and shift, as partial sums over slices of the rows: one thread per (slice, feature).
//   gain[slice, d] = sum of dy * xhat      shift[slice, d] = sum of dy
alias T = ${TYPE};
struct Params { rows: u32, width: u32, slices: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= params.width * params.slices) { return; }
  let d = i % params.width;
  let slice = i / params.width;
  let step = (params.rows + params.slices - 1u) / params.slices;
  let first = slice * step;
  let last = min(first + step, params.rows);
  var gainSum = T();
  var shiftSum = T();
  for (var row = first; row < last; row++) {
    let g = dy[row * params.width + d];
    gainSum += g * (x[row * params.width + d] - T(statistics[row * 2u])) * T(statistics[row * 2u + 1u]);
    shiftSum += g;
  }
  gain[i] = gainSum;
  shift[i] = shiftSum;
}
