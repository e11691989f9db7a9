// The vectors that are propagated back from the outputs [M, C], one thread per loss term.
//   GRADIENT  factor * d(term)/d(output)
//   SAMPLE    the same with labels drawn from the model (Monte-Carlo Fisher)
//   COLUMN    column params.column of S, S S^T = Hessian of the term (type-2 Fisher)
// Cross-entropy: p - onehot(y);  S column c: sqrt(p_c) (e_c - p).  Mean squared error over C outputs:
// (2/C)(f - y);  sample: sqrt(2/C) eps, so that its second moment is the Hessian (2/C) I;  column c: sqrt(2/C) e_c.
struct Params { m: u32, c: u32, factor: f32 }

#if SAMPLE && MSE
fn normal(row: u32, c: u32) -> f32 {
  let bits = philox(vec4<u32>(row, step.index, c, 1u), vec2<u32>(step.seed, 0x4b464143u));
  return sqrt(-2.0 * log(1.0 - unit(bits.x))) * cos(6.283185307179586 * unit(bits.y));
}
#end

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.m) { return; }
  let first = row * params.c;
#if MSE
#if GRADIENT
  let slope = params.factor * 2.0 / f32(params.c);
  for (var c = 0u; c < params.c; c++) { seed[first + c] = slope * (outputs[first + c] - targets[first + c]); }
#else
  let root = params.factor * sqrt(2.0 / f32(params.c));
#if SAMPLE
  for (var c = 0u; c < params.c; c++) { seed[first + c] = root * normal(row, c); }
#else
  for (var c = 0u; c < params.c; c++) { seed[first + c] = select(0.0, root, c == column[0]); }
#end
#end
#else
#if GRADIENT
  let label = labels[row];
#end
#if SAMPLE
  let draw = unit(philox(vec4<u32>(row, step.index, 0u, 0u), vec2<u32>(step.seed, 0x4b464143u)).x);
  var label = 0u;
  var below = probabilities[first];
  while (below <= draw && label + 1u < params.c) {
    label++;
    below += probabilities[first + label];
  }
#end
#if COLUMN
  let label = column[0];
  let weight = -params.factor * sqrt(probabilities[first + label]);
#else
  let weight = params.factor;
#end
  for (var c = 0u; c < params.c; c++) {
    seed[first + c] = weight * (probabilities[first + c] - select(0.0, 1.0, c == label));
  }
#end
}
