// C[b] = alpha * op(A[b]) op(B[b]) (+ bias): a workgroup makes BM x BN numbers of C from slabs of A and B, BK deep, that
// it holds in workgroup memory; a thread makes TM x TN of them, in quads of rows and columns that lie WY and WX apart, so
// that neighbouring threads read neighbouring words. Both slabs are kept with K outermost, whatever the operands' order.
// Rows and columns beyond the edge are clamped when loaded and dropped when stored; K beyond the end counts as zero.
//   QUADS: all rows are whole vec4s; else every number is loaded by itself, for any sizes and strides.
//   TA: A is stored [K, M]; else [M, K].   TB: B is stored [N, K]; else [K, N].
//   ROW_SUMS (with TA): also rowSums[m] = sum over k of op(A)[m, k], by the first workgroup of each row.
// K may be cut into parts of `chunk`, a multiple of BK: each is a product of its own, one after the other in C and rowSums.

struct Params {
  m: u32, n: u32, k: u32,
  aRow: u32, aCol: u32, bRow: u32, bCol: u32, ldc: u32,
  strideA: u32, strideB: u32, strideC: u32, alpha: f32,
  batch: u32, chunk: u32,
}

// One vec4 more than the block's quads keeps the columns of a slab in different banks.
const slabA = ${BM / 4 + 1}u;
const slabB = ${BN / 4 + 1}u;
var<workgroup> tileA: array<vec4f, ${BK * (BM / 4 + 1)}>;
var<workgroup> tileB: array<vec4f, ${BK * (BN / 4 + 1)}>;

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let firstRow = group.y * ${BM}u;
  let firstCol = group.x * ${BN}u;
  let lastRow = params.m - 1u;
  let lastCol = params.n - 1u;
  let first = group.z / params.batch * params.chunk;
  let end = min(first + params.chunk, params.k);
  let baseA = group.z % params.batch * params.strideA;
  let baseB = group.z % params.batch * params.strideB;
#for i in 0..TM
#for j in 0..TN / 4
  var c${i}_${j} = vec4f();
#end
#end
#if ROW_SUMS
#for r in 0..TM / 4
  var sum${r} = vec4f();
#end
#end

  for (var k0 = first; k0 < end; k0 += ${BK}u) {
#if QUADS && TA
    for (var e = thread; e < ${BK * BM / 4}u; e += ${WX * WY}u) {
      let k = k0 + e / ${BM / 4}u;
      let at = (baseA + min(k, params.k - 1u) * params.aCol + min(firstRow + e % ${BM / 4}u * 4u, lastRow / 4u * 4u)) / 4u;
      tileA[e / ${BM / 4}u * slabA + e % ${BM / 4}u] = select(vec4f(), A[at], k < end);
    }
#end
#if QUADS && !TA
    // Four rows of four numbers each, turned over.
    for (var e = thread; e < ${BK * BM / 16}u; e += ${WX * WY}u) {
      let k = e % ${BK / 4}u * 4u;
      let at = baseA + min(k0 + k, params.k - 4u);
      let row = firstRow + e / ${BK / 4}u * 4u;
#for i in 0..4
      let a${i} = select(vec4f(), A[(at + min(row + ${i}u, lastRow) * params.aRow) / 4u], k0 + k < end);
#end
#for q in 0..4
      tileA[(k + ${q}u) * slabA + e / ${BK / 4}u] = vec4f(a0.${lane(q)}, a1.${lane(q)}, a2.${lane(q)}, a3.${lane(q)});
#end
    }
#end
#if !QUADS
    for (var e = thread; e < ${BK * BM / 4}u; e += ${WX * WY}u) {
#if TA
      let k = e / ${BM / 4}u;
      let quad = e % ${BM / 4}u;
#else
      let k = e % ${BK}u;
      let quad = e / ${BK}u;
#end
      let at = baseA + min(k0 + k, params.k - 1u) * params.aCol;
      let row = firstRow + quad * 4u;
      tileA[k * slabA + quad] = select(vec4f(), vec4f(
#for i in 0..4
        A[at + min(row + ${i}u, lastRow) * params.aRow],
#end
      ), k0 + k < end);
    }
#end
#if QUADS && !TB
    for (var e = thread; e < ${BK * BN / 4}u; e += ${WX * WY}u) {
      let k = k0 + e / ${BN / 4}u;
      let at = (baseB + min(k, params.k - 1u) * params.bRow + min(firstCol + e % ${BN / 4}u * 4u, lastCol / 4u * 4u)) / 4u;
      tileB[e / ${BN / 4}u * slabB + e % ${BN / 4}u] = select(vec4f(), B[at], k < end);
    }
#end
#if QUADS && TB
    for (var e = thread; e < ${BK * BN / 16}u; e += ${WX * WY}u) {
      let k = e % ${BK / 4}u * 4u;
      let at = baseB + min(k0 + k, params.k - 4u);
      let col = firstCol + e / ${BK / 4}u * 4u;
#for i in 0..4
      let b${i} = select(vec4f(), B[(at + min(col + ${i}u, lastCol) * params.bCol) / 4u], k0 + k < end);
#end
#for q in 0..4
      tileB[(k + ${q}u) * slabB + e / ${BK / 4}u] = vec4f(b0.${lane(q)}, b1.${lane(q)}, b2.${lane(q)}, b3.${lane(q)});
#end
    }
#end
#if !QUADS
    for (var e = thread; e < ${BK * BN / 4}u; e += ${WX * WY}u) {
#if TB
      let k = e % ${BK}u;
      let quad = e / ${BK}u;
#else
      let k = e / ${BN / 4}u;
      let quad = e % ${BN / 4}u;
#end
      let at = baseB + min(k0 + k, params.k - 1u) * params.bRow;
      let col = firstCol + quad * 4u;
      tileB[k * slabB + quad] = select(vec4f(), vec4f(
#for j in 0..4
        B[at + min(col + ${j}u, lastCol) * params.bCol],
#end
      ), k0 + k < end);
    }
#end
    workgroupBarrier();
    for (var k = 0u; k < ${BK}u; k++) {
#for j in 0..TN / 4
      let b${j} = tileB[k * slabB + local.x + ${j * WX}u];
#end
#for r in 0..TM / 4
      let a${r} = tileA[k * slabA + local.y + ${r * WY}u];
#if ROW_SUMS
      sum${r} += a${r};
#end
#end
#for i in 0..TM
#for j in 0..TN / 4
      c${i}_${j} = fma(vec4f(a${i / 4}.${lane(i % 4)}), b${j}, c${i}_${j});
#end
#end
    }
    // The slabs are overwritten only when nobody reads them any more.
    workgroupBarrier();
  }

#if ROW_SUMS
  if (group.x == 0u && local.x == 0u) {
    let sums = group.z * params.m;
#for r in 0..TM / 4
    let rows${r} = firstRow + (local.y + ${r * WY}u) * 4u;
#if QUADS
    if (rows${r} <= lastRow) { rowSums[(sums + rows${r}) / 4u] = sum${r}; }
#else
#for i in 0..4
    if (rows${r} + ${i}u <= lastRow) { rowSums[sums + rows${r} + ${i}u] = sum${r}.${lane(i)}; }
#end
#end
#end
  }
#end
  let baseC = group.z * params.strideC;
#for j in 0..TN / 4
  let col${j} = firstCol + (local.x + ${j * WX}u) * 4u;
  if (col${j} <= lastCol) {
#for i in 0..TM
    store(baseC, firstRow + (local.y + ${i / 4 * WY}u) * 4u + ${i % 4}u, col${j}, c${i}_${j});
#end
  }
#end
}

fn store(base: u32, row: u32, col: u32, value: vec4f) {
  if (row >= params.m) { return; }
  let at = base + row * params.ldc + col;
#if QUADS
#if BIAS
  C_set(at / 4u, fma(vec4f(params.alpha), value, bias[col / 4u]));
#else
  C_set(at / 4u, params.alpha * value);
#end
#else
  for (var i = 0u; i < min(4u, params.n - col); i++) {
#if BIAS
    C_set(at + i, fma(params.alpha, value[i], bias[col + i]));
#else
    C_set(at + i, params.alpha * value[i]);
#end
  }
#end
}
