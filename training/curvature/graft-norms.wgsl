// Squared norms over one block of the joint arena: norms[block] = (sum of D^2, sum of u^2), with D the preconditioned
// momentum and u = (m c1) / (sqrt(v c2) + eps) Adam's step. One thread per block.
struct Params { count: u32, eps: f32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let layer = layers[blocks[id.x]];
  var sums = vec2f();
  for (var i = id.x * 64u; i < id.x * 64u + 64u; i++) {
    let at = parameterOf(layer, i);
    if (at == nowhere) { continue; }
    let d = direction[i];
    let u = first[at] * step.correction1 / (sqrt(second[at] * step.correction2) + params.eps);
    sums += vec2f(d * d, u * u);
  }
  norms[id.x] = sums;
}
