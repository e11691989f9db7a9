// Levenberg and Marquardt's rule (Martens and Grosse 2015, section 6.5): rho compares what the loss did with what the
// quadratic model promised. A model that is right may be trusted further, one that is wrong less. A loss that is not
// finite is as wrong as can be; a model that promised no decrease says nothing.
struct Params { shrink: f32, floor: f32, isScaledByLoss: u32 }

// Above this lambda every step is the gradient's.
const mostDamping = 1e3;

@compute @workgroup_size(1)
fn main() {
  let promised = slope[0] + 0.5 * curve[0];
  let isFinite = (bitcast<u32>(loss[0]) & 0x7fffffffu) < 0x7f800000u;
  memory[1] = promised;
  memory[2] = loss[0] - memory[0];
  if (!isFinite || promised < 0.0) {
    let rho = (loss[0] - memory[0]) / promised;
    var lambda = levels[0];
    if (!isFinite || rho < 0.25) { lambda /= params.shrink; }
    else if (rho > 0.75) { lambda *= params.shrink; }
    levels[0] = clamp(lambda, params.floor, mostDamping);
    if (params.isScaledByLoss == 0u) { levels[1] = levels[0]; }
  }
}
