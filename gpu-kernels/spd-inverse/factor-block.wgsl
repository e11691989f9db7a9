// Factors the k-th diagonal block of every matrix: A_kk = L L^T, and puts D^T = L^-T (upper, zeros below) in its place.
// One workgroup per matrix, one lane per row. Elimination in place on the symmetric block and the identity at once:
// column k of the block is dead after step k, so the multipliers' inverse grows where the block shrinks, one barrier
// per pivot, no square root until the end.
//   SKIP: matrices whose `skip` is not 0 are left alone.

struct Params { n: u32, k: u32 }

const B = 32u;
const rowQuads = 8u;
// One quad of padding: rows 32 words apart would all fall into one memory bank.
const pitch = 9u;

var<workgroup> rows: array<vec4f, 288>;

fn at(i: u32, j: u32) -> f32 { return rows[i * pitch + j / 4u][j % 4u]; }

// By its bits, because a compiler may assume that no number is NaN or infinite: positive, normal and finite.
fn isUsable(pivot: f32) -> bool { return bitcast<u32>(pivot) - 0x00800000u < 0x7f000000u; }

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let t = local.x;
#if SKIP
  if (skip[group.x] != 0u) {
    if (t == 0u) { status[group.x] = 0u; }
    return;
  }
#end
  let quads = params.n / 4u;
  let block = (group.x * params.n + params.k * B) * quads + params.k * rowQuads;
  for (var q = 0u; q < rowQuads; q++) {
    var row = vec4f();
    for (var c = 0u; c < 4u; c++) {
      let j = q * 4u + c;
      let low = min(t, j);
      row[c] = M[block + max(t, j) * quads + low / 4u][low % 4u];
    }
    rows[t * pitch + q] = row;
  }
  for (var k = 0u; k < B; k++) {
    workgroupBarrier();
    if (t > k) {
      let multiplier = at(t, k) / at(k, k);
      for (var q = 0u; q < rowQuads; q++) {
        rows[t * pitch + q] = fma(vec4f(-multiplier), rows[k * pitch + q], rows[t * pitch + q]);
      }
      rows[t * pitch + k / 4u][k % 4u] = -multiplier;
    }
  }
  workgroupBarrier();
  for (var q = 0u; q < rowQuads; q++) {
    var row = vec4f();
    for (var c = 0u; c < 4u; c++) {
      let j = q * 4u + c;
      let scale = inverseSqrt(at(j, j));
      row[c] = select(select(0.0, scale, j == t), at(j, t) * scale, j > t);
    }
    M[block + t * quads + q] = row;
  }
  if (t == 0u) {
    var failed = 0u;
    for (var i = B; i > 0u; i--) {
      if (!isUsable(at(i - 1u, i - 1u))) { failed = params.k * B + i; }
    }
    // The first block of a call forgets the call before.
    if (params.k == 0u || (status[group.x] == 0u && failed != 0u)) { status[group.x] = failed; }
  }
}
