// ranks[matrix * widest + j]: the place of row j among its matrix's keys, the largest first. Where a key is not finite
// every row keeps its place, and bad[matrix] says so; with GIVEN also where status says that there is no decomposition.
// One thread per row.
struct Params { first: u32, widest: u32, n: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let j = id.x;
  if (j >= params.n) { return; }
  let matrix = params.first + id.y;
  let base = matrix * params.widest;
#if GIVEN
  var isBad = status[id.y] != 0u;
#else
  var isBad = false;
#end
  let own = keys[base + j];
  var rank = 0u;
  for (var i = 0u; i < params.n; i++) {
    let other = keys[base + i];
    // Exponent bits all set: infinite or NaN.
    isBad = isBad || (bitcast<u32>(other) & 0x7f800000u) == 0x7f800000u;
    if (other > own || (other == own && i < j)) { rank++; }
  }
  ranks[base + j] = select(rank, j, isBad);
  if (j == 0u) { bad[matrix] = select(0u, 1u, isBad); }
}
