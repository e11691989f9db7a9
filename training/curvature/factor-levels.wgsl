// levels[4 + f] = trace / side of every factor; table[f] = (offset, side, row length, 0). A factor whose average holds a
// number that is not finite starts again from the newest batch, where that is finite, and is counted: nothing else would
// ever bring it back. levels[2] keeps the lambda that this round of inversions takes: a later one waits for the next round.
// One workgroup per factor.
struct Params { firstFactor: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let factor = table[group.x];
  let count = factor.z * factor.z;
  // By the bits of magnitudes, where infinity and NaN are on top: a compiler may assume that there are none.
  var averaged = 0u;
  var newest = 0u;
  for (var i = lane; i < count; i += T) {
    averaged = max(averaged, bitcast<u32>(factors[factor.x + i]) & 0x7fffffffu);
    newest = max(newest, bitcast<u32>(fresh[factor.x + i]) & 0x7fffffffu);
  }
  let isLost = largest(averaged, lane) >= 0x7f800000u;
  let isUsable = largest(newest, lane) < 0x7f800000u;
  let isRenewed = isLost && isUsable;
  var trace = 0.0;
  if (lane == 0u && group.x == 0u) { levels[2] = levels[1]; }
  if (lane == 0u) {
    for (var i = 0u; i < factor.y; i++) {
      let at = factor.x + i * (factor.z + 1u);
      if (isRenewed) { trace += fresh[at]; } else { trace += factors[at]; }
    }
    levels[4u + group.x] = trace / f32(factor.y);
    if (isLost) {
      failures[params.firstFactor + group.x] += 1u;
      latest[params.firstFactor + group.x] = Failure(step.index, 0.0, 1.0, 0u);
    }
  }
  if (isRenewed) {
    for (var i = lane; i < count; i += T) { factors[factor.x + i] = fresh[factor.x + i]; }
  }
}
