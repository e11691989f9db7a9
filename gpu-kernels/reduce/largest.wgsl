// The largest of one number from each thread of a workgroup of T; with LANES the workgroup is one subgroup. All threads call it,
// as often as they like.
#if LANES
enable subgroups;
#end

const T = ${T}u;
#if LANES
#else
var<workgroup> parts: array<u32, ${T}>;
#end

fn largest(own: u32, lane: u32) -> u32 {
#if LANES
  return subgroupMax(own);
#else
  workgroupBarrier();
  parts[lane] = own;
  for (var half = T / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] = max(parts[lane], parts[lane + half]); }
  }
  workgroupBarrier();
  return parts[0];
#end
}
