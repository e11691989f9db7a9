// Binary cross-entropy of logits [M, C] with targets [M, C] in [0, 1], one thread per row. A target that is NaN, or whose
// mask is 0 (MASKED), does not count; those that do have the weight M / counted[0], so that the mean over the M terms is
// the mean over all targets that count.
//   terms = sum over c of weight * (max(z, 0) - z y + log(1 + exp(-|z|)))      probabilities = sigmoid(z)
//   hits = sum over c of weight where z > 0 as y > 0.5
struct Params { m: u32, c: u32 }

// log(1 + e) for e in [0, 1]: near 0 by its series, where 1 + e would round e away.
fn logOnePlus(e: f32) -> f32 {
  return select(log(1.0 + e), e * (1.0 - e * (0.5 - e * 0.3333333333333333)), e < 0.01);
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.m) { return; }
  let weight = f32(params.m) / max(counted[0], 1.0);
  var sum = 0.0;
  var right = 0.0;
  for (var i = row * params.c; i < (row + 1u) * params.c; i++) {
    let z = logits[i];
    let e = exp(-abs(z));
    probabilities[i] = select(e, 1.0, z >= 0.0) / (1.0 + e);
    var counts = (targets[i] & 0x7fffffffu) <= 0x7f800000u;
#if MASKED
    counts = counts && mask[i] != ${MASK_TYPE}();
#end
    if (counts) {
      let y = bitcast<f32>(targets[i]);
      sum += select(0.0, z, z > 0.0) - z * y + logOnePlus(e);
      right += select(0.0, 1.0, (z > 0.0) == (y > 0.5));
    }
  }
  terms[row] = weight * sum;
  hits[row] = weight * right;
}
