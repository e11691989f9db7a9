// Softmax cross-entropy of logits [M, C] with labels [M], one thread per row:
//   terms = -log softmax(logits)[label], probabilities = softmax(logits), hits = 1 where the label is the arg max.
//   A label that is no class has the loss NaN and is no hit.
//   MIXED   the target is share[0] onehot(label) + (1 - share[0]) onehot(other), and a hit counts in these shares
//   SMOOTH  the target is (1 - smoothing) times that + smoothing / C
//   IGNORE  rows with the label `ignored` give 0; the others are multiplied by M / counted[0], so that the mean over all
//           M terms (and hits) is the mean over those that count
struct Params { m: u32, c: u32, ignored: u32, smoothing: f32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.m) { return; }
  let first = row * params.c;
  var most = logits[first];
  var best = 0u;
  for (var c = 1u; c < params.c; c++) {
    let z = logits[first + c];
    if (z > most) { most = z; best = c; }
  }
  var total = 0.0;
#if SMOOTH
  var below = 0.0;
#end
  for (var c = 0u; c < params.c; c++) {
    let z = logits[first + c] - most;
    let e = exp(z);
    probabilities[first + c] = e;
    total += e;
#if SMOOTH
    below += z;
#end
  }
  for (var c = 0u; c < params.c; c++) { probabilities[first + c] /= total; }
  let label = labels[row];
#if IGNORE
  if (label == params.ignored) {
    terms[row] = 0.0;
    hits[row] = 0.0;
    return;
  }
  let weight = f32(params.m) / counted[0];
#else
  let weight = 1.0;
#end
#if MIXED
  let other = others[row];
  let wanted = share[0] * logitOf(first, label, most) + (1.0 - share[0]) * logitOf(first, other, most);
  let right = select(0.0, share[0], best == label) + select(0.0, 1.0 - share[0], best == other);
#else
  let wanted = logitOf(first, label, most);
  let right = select(0.0, 1.0, best == label);
#end
#if SMOOTH
  let score = (1.0 - params.smoothing) * wanted + params.smoothing * below / f32(params.c);
#else
  let score = wanted;
#end
  terms[row] = weight * (log(total) - score);
  hits[row] = weight * right;
}
