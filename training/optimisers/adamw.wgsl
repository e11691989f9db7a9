// AdamW (Loshchilov and Hutter 2019) over the whole parameter arena, four numbers per thread:
//   m = beta1 m + (1 - beta1) g      v = beta2 v + (1 - beta2) g^2
//   w = (1 - lr wd) w - lr (m c1) / (sqrt(v c2) + eps),   c = 1 / (1 - beta^k)
// Blocks whose rule says so keep only their moments: K-FAC moves those values.
struct Params { quads: u32, beta1: f32, beta2: f32, eps: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.quads) { return; }
  let g = gradients[i];
  let m = params.beta1 * first[i] + (1.0 - params.beta1) * g;
  let v = params.beta2 * second[i] + (1.0 - params.beta2) * g * g;
  first[i] = m;
  second[i] = v;
  let rule = rules[i / 16u];
  if (rule.z == 0.0) { return; }
  let lr = step.lr * rule.x;
  let direction = m * step.correction1 / (sqrt(v * step.correction2) + vec4f(params.eps));
  values[i] = values[i] * (1.0 - lr * rule.y) - lr * direction;
}
