// AdamW (Loshchilov and Hutter 2019) and NAdamW (Dozat 2016) over the whole parameter arena, four numbers per thread:
//   g = clip gradient + l2 w
//   m = beta1 m + (1 - beta1) g      v = beta2 v + (1 - beta2) g^2
//   w = (1 - lr decay) w - lr (c1 m + cg g) / (sqrt(c2 v) + eps)
// with c1 = 1 / (1 - beta1^k), cg = 0 for AdamW; c2 = 1 / (1 - beta2^k).
// Blocks whose rule says so keep only their moments: K-FAC moves those values.
struct Params { quads: u32, beta1: f32, beta2: f32, eps: f32 }

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
  let m = params.beta1 * first[i] + (1.0 - params.beta1) * g;
  let v = params.beta2 * second[i] + (1.0 - params.beta2) * g * g;
  first[i] = m;
  second[i] = v;
  if (rule.z == 0.0) { return; }
  let lr = step.lr * rule.x;
#if NESTEROV
  let momentum = step.correction1 * m + step.gradientWeight * g;
#else
  let momentum = step.correction1 * m;
#end
  values[i] = value * (1.0 - lr * rule.y) - lr * (momentum / (sqrt(v * step.correction2) + vec4f(params.eps)));
}
