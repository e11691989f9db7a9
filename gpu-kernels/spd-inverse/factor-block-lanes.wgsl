// `factor-block.wgsl` for adapters whose subgroups are four lanes wide: one subgroup per matrix runs in step, so there
// is no barrier and no workgroup memory, which cost a software adapter most of a second to compile. Lane l owns quads l
// and l + 4 of every row and passes on the one number of each row that all need.
//   SKIP: matrices whose `skip` is not 0 are left alone.
enable subgroups;

struct Params { n: u32, k: u32 }

const B = 32u;

var<private> own: array<vec4f, 64>;
var<private> scale: array<f32, 32>;

// By its bits, because a compiler may assume that no number is NaN or infinite: positive, normal and finite.
fn isUsable(pivot: f32) -> bool { return bitcast<u32>(pivot) - 0x00800000u < 0x7f000000u; }

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
#if SKIP
  if (skip[group.x] != 0u) {
    if (lane == 0u) { status[group.x] = 0u; }
    return;
  }
#end
  let quads = params.n / 4u;
  let block = (group.x * params.n + params.k * B) * quads + params.k * 8u;
  for (var slot = 0u; slot < 2u; slot++) {
    for (var i = 0u; i < B; i++) {
      for (var c = 0u; c < 4u; c++) {
        let j = (slot * 4u + lane) * 4u + c;
        let low = min(i, j);
        own[i * 2u + slot][c] = M[block + max(i, j) * quads + low / 4u][low % 4u];
      }
    }
  }
  var failed = 0u;
  for (var k = 0u; k < B; k++) {
    let holder = k / 4u % 4u;
    let slot = k / 16u;
    let pivot = subgroupShuffle(own[k * 2u + slot][k % 4u], holder);
    if (failed == 0u && !isUsable(pivot)) { failed = params.k * B + k + 1u; }
    scale[k] = inverseSqrt(pivot);
    let low = own[k * 2u];
    let high = own[k * 2u + 1u];
    for (var i = k + 1u; i < B; i++) {
      let multiplier = -subgroupShuffle(own[i * 2u + slot][k % 4u], holder) / pivot;
      own[i * 2u] = fma(vec4f(multiplier), low, own[i * 2u]);
      own[i * 2u + 1u] = fma(vec4f(multiplier), high, own[i * 2u + 1u]);
      if (lane == holder) { own[i * 2u + slot][k % 4u] = multiplier; }
    }
  }
  for (var slot = 0u; slot < 2u; slot++) {
    for (var c = 0u; c < 4u; c++) {
      let j = (slot * 4u + lane) * 4u + c;
      for (var i = 0u; i < B; i++) {
        let below = own[i * 2u + slot][c] * scale[i];
        M[block + j * quads + i / 4u][i % 4u] = select(select(0.0, scale[i], i == j), below, i > j);
      }
    }
  }
  // The first block of a call forgets the call before.
  if (lane == 0u && (params.k == 0u || (status[group.x] == 0u && failed != 0u))) { status[group.x] = failed; }
}
