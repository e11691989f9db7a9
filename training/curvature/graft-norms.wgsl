// Sums over one block of the joint arena: norms[block] = (D D, u u, D g, 0), with D the direction, g the gradient and u
// the step whose length the layer takes. x is what was preconditioned, bias-corrected: momentum (BEFORE) or g.
//   adam  u = x / (sqrt(v c2) + eps)      sgd  u = x      rms  u = 0.3 for every number
// One thread per block.
struct Params { count: u32, eps: f32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let layer = layers[blocks[id.x]];
  var sums = vec4f();
  for (var i = id.x * 64u; i < id.x * 64u + 64u; i++) {
    let at = parameterOf(layer, i);
    if (at == nowhere) { continue; }
    let d = direction[i];
#if CLIPPED
    let g = clip[0] * gradients[at];
#else
    let g = gradients[at];
#end
#if BEFORE
    let x = first[at] * step.correction1;
#else
    let x = g;
#end
#if GRAFT == 'adam'
    let u = x / (sqrt(second[at] * step.correction2) + params.eps);
#end
#if GRAFT == 'sgd'
    let u = x;
#end
#if GRAFT == 'rms'
    let u = 0.3;
#end
#if GRAFT == 'none'
    let u = d;
#end
    sums += vec4f(d * d, u * u, d * g, 0.0);
  }
  norms[id.x] = sums;
}
