// The vectors that are propagated back from the outputs [M, C], one thread per loss term.
//   GRADIENT  factor * d(term)/d(output)
//   SAMPLE    the same with labels drawn from the model (Monte-Carlo Fisher)
//   LABELS    the same with labels given[round]
//   COLUMN    column round of S, S S^T = Hessian of the term (type-2 Fisher)
// With TERMS only the terms at one place within their example are sent back, the rest are zeros: place round / C and column
// round % C, or place round where there are no columns. A term's place is places[row] (PLACES) or row % terms.
// Cross-entropy: p - t, t = onehot(y);  S column c: sqrt(p_c) (e_c - p).
//   MIXED  t = share onehot(y) + (1 - share) onehot(other);  SMOOTH  (1 - smoothing) t + smoothing / C in its place
// Mean squared error over C outputs: (2/C)(f - y);  sample: sqrt(2/C) eps, so that its second moment
// is the Hessian (2/C) I;  given labels y = f + sqrt(1/2) eps: sqrt(C) (2/C)(f - y), the same;  column c: sqrt(2/C) e_c.
// Binary cross-entropy: p - y;  sample: p - y~, y~ 1 with probability p;  column c: sqrt(p_c (1 - p_c)) e_c.
// A term of weight w has w times the gradient and w times the Hessian, so samples and columns are multiplied by sqrt(w).
// Weights of a mean: M / counted[0] for what counts and 0 for the rest (WEIGHTED: cross-entropy with ignored labels, and
// BCE); of a sum: 1 and 0. IGNORE: cross-entropy with ignored labels.
struct Params { m: u32, c: u32, factor: f32, smoothing: f32, ignored: u32, terms: u32 }

#if SAMPLE
// Random bits of a row and output; every round of a step has its own, and the first is that of a step without rounds.
fn draws(row: u32, c: u32, stream: u32) -> vec4<u32> {
#if ROUNDS
  let key = 0x4b464143u + round[0];
#else
  let key = 0x4b464143u;
#end
  return philox(vec4<u32>(row, step.index, c, stream), vec2<u32>(step.seed, key));
}
#end

#if SAMPLE && MSE
fn normal(row: u32, c: u32) -> f32 {
  let bits = draws(row, c, 1u);
  return sqrt(-2.0 * log(1.0 - unit(bits.x))) * cos(6.283185307179586 * unit(bits.y));
}
#end

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.m) { return; }
  let first = row * params.c;
#if TERMS
#if COLUMN
  let column = round[0] % params.c;
  let wanted = round[0] / params.c;
#else
  let wanted = round[0];
#end
#if PLACES
  let place = places[row];
#else
  let place = row % params.terms;
#end
  if (place != wanted) {
    for (var c = 0u; c < params.c; c++) { seed[first + c] = 0.0; }
    return;
  }
#else
#if COLUMN
  let column = round[0];
#end
#end
#if LABELS
  // Where the labels of this round start.
  let given_at = round[0] * params.m;
#end
#if WEIGHTED
  // Nothing is divided by 0: where nothing counts, every seed is 0 anyway.
  let ratio = f32(params.m) / max(counted[0], 1.0);
#if GRADIENT
  var factor = params.factor * ratio;
#else
  var factor = params.factor * sqrt(ratio);
#end
#else
  var factor = params.factor;
#end
#if IGNORE
  factor = select(factor, 0.0, labels[row] == params.ignored);
#end
#if MSE
#if GRADIENT
  let slope = factor * 2.0 / f32(params.c);
  for (var c = 0u; c < params.c; c++) { seed[first + c] = slope * (outputs[first + c] - targets[first + c]); }
#end
#if LABELS
  let slope = factor * 2.0 / sqrt(f32(params.c));
  for (var c = 0u; c < params.c; c++) {
    seed[first + c] = slope * (outputs[first + c] - given[given_at * params.c + first + c]);
  }
#end
#if SAMPLE || COLUMN
  let root = factor * sqrt(2.0 / f32(params.c));
#if SAMPLE
  for (var c = 0u; c < params.c; c++) { seed[first + c] = root * normal(row, c); }
#else
  for (var c = 0u; c < params.c; c++) { seed[first + c] = select(0.0, root, c == column); }
#end
#end
#end
#if BCE
  for (var c = 0u; c < params.c; c++) {
    let p = probabilities[first + c];
    var counts = (targets[first + c] & 0x7fffffffu) <= 0x7f800000u;
#if MASKED
    counts = counts && mask[first + c] != ${MASK_TYPE}();
#end
#if GRADIENT
    let value = p - bitcast<f32>(targets[first + c]);
#end
#if SAMPLE
    let value = p - select(0.0, 1.0, unit(draws(row, c, 2u).x) < p);
#end
#if LABELS
    let value = p - given[given_at * params.c + first + c];
#end
#if COLUMN
    let value = select(0.0, sqrt(p * (1.0 - p)), c == column);
#end
    seed[first + c] = select(0.0, factor * value, counts);
  }
#end
#if !MSE && !BCE
#if GRADIENT
  let label = labels[row];
#end
#if LABELS
  let label = given[given_at + row];
#end
#if SAMPLE
  let draw = unit(draws(row, 0u, 0u).x);
  var label = 0u;
  var below = probabilities[first];
  while (below <= draw && label + 1u < params.c) {
    label++;
    below += probabilities[first + label];
  }
#end
#if COLUMN
  let label = column;
#end
#if GRADIENT && MIXED
  let other = others[row];
  let largest = max(label, other);
#else
  let largest = label;
#end
  // Where a row counts, its label must be a class: beyond the last one nothing is there to be told right or wrong.
  if (largest >= params.c && factor != 0.0) {
    for (var c = 0u; c < params.c; c++) { seed[first + c] = notANumber(); }
    return;
  }
#if COLUMN
  let weight = -factor * sqrt(probabilities[first + label]);
#else
  let weight = factor;
#end
#if GRADIENT && (SMOOTH || MIXED)
#if SMOOTH
  let rest = params.smoothing / f32(params.c);
  let sure = 1.0 - params.smoothing;
#else
  let rest = 0.0;
  let sure = 1.0;
#end
#if MIXED
  let own = sure * share[0];
  let borrowed = sure * (1.0 - share[0]);
#end
  for (var c = 0u; c < params.c; c++) {
#if MIXED
    let wanted = rest + select(0.0, own, c == label) + select(0.0, borrowed, c == other);
#else
    let wanted = rest + select(0.0, sure, c == label);
#end
    seed[first + c] = weight * (probabilities[first + c] - wanted);
  }
#else
  for (var c = 0u; c < params.c; c++) {
    seed[first + c] = weight * (probabilities[first + c] - select(0.0, 1.0, c == label));
  }
#end
#end
}
