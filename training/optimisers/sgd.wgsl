// SGD with momentum as torch.optim.SGD (dampening 0), four numbers per thread:
//   g = clip gradient + l2 w;  buffer = momentum buffer + g
//   w = (1 - lr decay) w - lr (NESTEROV ? g + momentum buffer : buffer)
// Blocks whose rule says so keep only their buffer.
struct Params { quads: u32, momentum: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.quads) { return; }
  let rule = rules[i / 16u];
  let value = values[i];
#if CLIPPED
  let g = clip[0] * gradients[i] + rule.w * value;
#else
  let g = gradients[i] + rule.w * value;
#end
  let buffer = params.momentum * first[i] + g;
  first[i] = buffer;
  if (rule.z == 0.0) { return; }
  let lr = step.lr * rule.x;
#if NESTEROV
  let direction = g + params.momentum * buffer;
#else
  let direction = buffer;
#end
  values[i] = value * (1.0 - lr * rule.y) - lr * direction;
}
