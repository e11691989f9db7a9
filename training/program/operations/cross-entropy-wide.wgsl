// Softmax cross-entropy as in cross-entropy.wgsl for rows of many classes: neighbouring threads read neighbouring logits.
//   LANES   a row is read by the four lanes of a subgroup, which exchange what they found by broadcasts
//   else    by a workgroup of ${WIDTH} threads, which exchange it through workgroup memory
// Sums are those of threads, added in pairs: always in the same order.
#if LANES
enable subgroups;
#end

struct Params { m: u32, c: u32, ignored: u32, smoothing: f32, rowsAcross: u32 }

#if LANES
fn sumOfRow(own: f32, lane: u32) -> f32 {
  return (quadBroadcast(own, 0u) + quadBroadcast(own, 1u)) + (quadBroadcast(own, 2u) + quadBroadcast(own, 3u));
}
#else
var<workgroup> values: array<f32, ${WIDTH}>;
var<workgroup> classes: array<u32, ${WIDTH}>;

fn sumOfRow(own: f32, lane: u32) -> f32 {
  workgroupBarrier();
  values[lane] = own;
  workgroupBarrier();
  for (var half = ${WIDTH / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { values[lane] += values[lane + half]; }
    workgroupBarrier();
  }
  return values[0];
}
#end

struct Largest { value: f32, index: u32 }

// Of equal logits the first class counts.
fn larger(a: Largest, b: Largest) -> Largest {
  if (b.value > a.value || (b.value == a.value && b.index < a.index)) { return b; }
  return a;
}

fn largestOfRow(own: Largest, lane: u32) -> Largest {
#if LANES
#for i in 0..4
  let l${i} = Largest(quadBroadcast(own.value, ${i}u), quadBroadcast(own.index, ${i}u));
#end
  return larger(larger(l0, l1), larger(l2, l3));
#else
  values[lane] = own.value;
  classes[lane] = own.index;
  workgroupBarrier();
  for (var half = ${WIDTH / 2}u; half > 0u; half /= 2u) {
    if (lane < half) {
      let both = larger(Largest(values[lane], classes[lane]), Largest(values[lane + half], classes[lane + half]));
      values[lane] = both.value;
      classes[lane] = both.index;
    }
    workgroupBarrier();
  }
  return Largest(values[0], classes[0]);
#end
}

#if LANES
@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  // Rows beyond the last are done again, so that no lane is missing, and not written.
  let place = (id.y * params.rowsAcross * 4u + id.x) / 4u;
  let row = min(place, params.m - 1u);
  let isOwn = place < params.m;
#else
@compute @workgroup_size(${WIDTH})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let row = group.y * params.rowsAcross + group.x;
  if (row >= params.m) { return; }
  let lane = local.x;
  let isOwn = true;
#end
  let first = row * params.c;
  // A thread without a class of its own takes the first: it changes neither the largest nor its place.
  var own = Largest(logits[first], 0u);
  if (lane < params.c) { own = Largest(logits[first + lane], lane); }
  for (var c = lane + ${WIDTH}u; c < params.c; c += ${WIDTH}u) {
    let z = logits[first + c];
    if (z > own.value) { own = Largest(z, c); }
  }
  let most = largestOfRow(own, lane);
  var part = 0.0;
#if SMOOTH
  var partBelow = 0.0;
#end
  for (var c = lane; c < params.c; c += ${WIDTH}u) {
    let z = logits[first + c] - most.value;
    part += exp(z);
#if SMOOTH
    partBelow += z;
#end
  }
  let total = sumOfRow(part, lane);
#if SMOOTH
  let below = sumOfRow(partBelow, lane);
#end
  if (isOwn) {
    for (var c = lane; c < params.c; c += ${WIDTH}u) {
      probabilities[first + c] = exp(logits[first + c] - most.value) / total;
    }
  }
  if (lane != 0u || !isOwn) { return; }
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
  let wanted = share[0] * logitOf(first, label, most.value) + (1.0 - share[0]) * logitOf(first, other, most.value);
  let right = select(0.0, share[0], most.index == label) + select(0.0, 1.0 - share[0], most.index == other);
#else
  let wanted = logitOf(first, label, most.value);
  let right = select(0.0, 1.0, most.index == label);
#end
#if SMOOTH
  let score = (1.0 - params.smoothing) * wanted + params.smoothing * below / f32(params.c);
#else
  let score = wanted;
#end
  terms[row] = weight * (log(total) - score);
  hits[row] = weight * right;
}
