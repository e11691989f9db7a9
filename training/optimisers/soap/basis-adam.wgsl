// Adam in the eigenbases, number by number of the joint arena: s = beta2 s + (1 - beta2) g^2 and
// step = c1 m / (sqrt(c2 s) + eps), with g and m the gradient and the momentum in the bases; the step replaces m.
struct Params { count: u32, beta2: f32, eps: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let g = gradient[i];
  let s = params.beta2 * squares[i] + (1.0 - params.beta2) * g * g;
  squares[i] = s;
  momentum[i] = step.correction1 * momentum[i] / (sqrt(step.correction2 * s) + params.eps);
}
