// Softmax cross-entropy of logits [M, C] with labels [M], one thread per row:
//   terms = -log softmax(logits)[label], probabilities = softmax(logits), hits = 1 where the label is the arg max.
struct Params { m: u32, c: u32 }

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
  for (var c = 0u; c < params.c; c++) {
    let e = exp(logits[first + c] - most);
    probabilities[first + c] = e;
    total += e;
  }
  for (var c = 0u; c < params.c; c++) { probabilities[first + c] /= total; }
  let label = labels[row];
  terms[row] = log(total) + most - logits[first + label];
  hits[row] = select(0.0, 1.0, best == label);
}
