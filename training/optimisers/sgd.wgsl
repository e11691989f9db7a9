// SGD with momentum as torch.optim.SGD (dampening 0), four numbers per thread:
//   g = g + wd w;  buffer = momentum buffer + g;  w = w - lr (NESTEROV ? g + momentum buffer : buffer)
struct Params { quads: u32, momentum: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.quads) { return; }
  let rule = rules[i / 16u];
  if (rule.z == 0.0) { return; }
  let g = gradients[i] + rule.y * values[i];
  let buffer = params.momentum * first[i] + g;
  first[i] = buffer;
#if NESTEROV
  let direction = g + params.momentum * buffer;
#else
  let direction = buffer;
#end
  values[i] = values[i] - step.lr * rule.x * direction;
}
