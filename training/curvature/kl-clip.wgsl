// Shortens all layers together so that lr^2 sum <D, g>, which estimates twice the Kullback-Leibler divergence that the
// step moves the model by, stays below kappa: nu = min(1, sqrt(kappa / (lr^2 sum <D, g>))) (Ba, Grosse and Martens 2017).
struct Params { count: u32, kappa: f32 }

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var l = 0u; l < params.count; l++) { sum += lengths[l].x * lengths[l].y; }
  let size = step.lr * step.lr * sum;
  // A step against the gradient, which old momentum can be, has no divergence to bound.
  if (size <= params.kappa) { return; }
  let nu = sqrt(params.kappa / size);
  for (var l = 0u; l < params.count; l++) { lengths[l].x *= nu; }
}
