// The parameter step of K-FAC layers, one thread per number of the joint arena. Weight decay is decoupled and applies
// to weights, not biases.
//   w = (1 - lr wd) w - lr length D;  with momentum AFTER the preconditioner V = momentum V + length D in its place
struct Params { count: u32, weightDecay: f32, momentum: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let index = blocks[i / 64u];
  let layer = layers[index];
  let at = parameterOf(layer, i);
  if (at == nowhere) { return; }
#if LENGTHS
  var change = lengths[index].x * direction[i];
#else
  var change = direction[i];
#end
#if AFTER
  change = fma(params.momentum, velocity[i], change);
  velocity[i] = change;
#end
  let isWeight = (i - layer.offset) % layer.columns < layer.inputs;
  let kept = 1.0 - select(0.0, step.lr * params.weightDecay, isWeight);
  values[at] = kept * values[at] - step.lr * change;
}
