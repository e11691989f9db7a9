// C[b] = alpha * op(A[b]) op(B[b]) (+ bias), row-major, one TM x TN register tile per thread, no workgroup memory.
// Needs: leading dimensions, row length of C and every offset divisible by 4. Rows and columns beyond the edge are
// clamped when loaded and dropped when stored, so M, N and K are free (K divisible by 4 unless both operands are
// K-major).
//   TA: A is stored [K, M]; else [M, K].   TB: B is stored [N, K]; else [K, N].
//   TAIL: K is not divisible by 4.
//   ROW_SUMS (with TA): also rowSums[m] = sum over k of op(A)[m, k], by the threads of the first columns.
//   MATRICES: four steps of K are one product of a 4 x 4 matrix, which a software adapter compiles in half the time. A GPU
//   would add the products up before it adds them to C, one operation more than it needs.
//   LANES: subgroups are four lanes wide along x and share A: each lane loads a quarter of it and broadcasts.
#if LANES
enable subgroups;
#end

struct Params { m: u32, n: u32, k: u32, lda: u32, ldb: u32, ldc: u32, strideA: u32, strideB: u32, strideC: u32, alpha: f32 }

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
#if LANES
  @builtin(subgroup_invocation_id) lane: u32,
#end
) {
  let row0 = id.y * ${TM}u;
  let quad0 = id.x * ${TN / 4}u;
  let lastRow = params.m - 1u;
  let lastQuad = (params.n + 3u) / 4u - 1u;
  let lda = params.lda;
  let ldb4 = params.ldb / 4u;
  let baseA = id.z * params.strideA;
  let baseB4 = id.z * params.strideB / 4u;
#if TA
  // Row quads of the K-major A.
  let lda4 = lda / 4u;
  let baseA4 = baseA / 4u;
  let lastRowQuad = (params.m + 3u) / 4u - 1u;
#for r in 0..TM / 4
  let ra${r} = baseA4 + min(row0 / 4u + ${r}u, lastRowQuad);
#end
#else
#if LANES
#for r in 0..TM / 4
  let ra${r} = (baseA + min(row0 + ${r * 4}u + lane, lastRow) * lda) / 4u;
#end
#else
#for i in 0..TM
  let ra${i} = (baseA + min(row0 + ${i}u, lastRow) * lda) / 4u;
#end
#end
#end
#if TB
#for j in 0..TN
  let cb${j} = baseB4 + min(quad0 * 4u + ${j}u, params.n - 1u) * ldb4;
#end
#else
#for j in 0..TN / 4
  let cb${j} = baseB4 + min(quad0 + ${j}u, lastQuad);
#end
#end
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

  let whole = params.k / 4u * 4u;
  for (var k = 0u; k < whole; k += 4u) {
#if LANES
#if TA
#for r in 0..TM / 4
    let l${r} = A[ra${r} + (k + lane) * lda4];
#if ROW_SUMS
    sum${r} += l${r};
#end
#end
#else
#for r in 0..TM / 4
    let l${r} = A[ra${r} + k / 4u];
#end
#end
#else
#if TA
#else
#for i in 0..TM
    let l${i} = A[ra${i} + k / 4u];
#end
#end
#end
#if TB
#for j in 0..TN
    let t${j} = B[cb${j} + k / 4u];
#end
#else
#for q in 0..4
#for j in 0..TN / 4
    let b${q}_${j} = B[cb${j} + (k + ${q}u) * ldb4];
#end
#end
#end
#for q in 0..4
#if TA
#for r in 0..TM / 4
#if LANES
    let s${q}_${r} = quadBroadcast(l${r}, ${q}u);
#else
    let s${q}_${r} = A[ra${r} + (k + ${q}u) * lda4];
#if ROW_SUMS
    sum${r} += s${q}_${r};
#end
#end
#end
#end
#if TB
#for j in 0..TN / 4
    let b${q}_${j} = vec4f(t${j * 4}.${lane(q)}, t${j * 4 + 1}.${lane(q)}, t${j * 4 + 2}.${lane(q)}, t${j * 4 + 3}.${lane(q)});
#end
#end
#end
#if MATRICES
#for j in 0..TN / 4
    let b${j} = mat4x4f(b0_${j}, b1_${j}, b2_${j}, b3_${j});
#end
#end
    // The four products of one vec4 of the tile follow each other, so that it stays in registers meanwhile.
#for i in 0..TM
#for q in 0..4
#if TA
    let a${q}_${i} = s${q}_${i / 4}.${lane(i % 4)};
#else
#if LANES
    let a${q}_${i} = quadBroadcast(l${i / 4}.${lane(q)}, ${i % 4}u);
#else
    let a${q}_${i} = l${i}.${lane(q)};
#end
#end
#end
#if MATRICES
    let a${i} = vec4f(a0_${i}, a1_${i}, a2_${i}, a3_${i});
#for j in 0..TN / 4
    c${i}_${j} += b${j} * a${i};
#end
#else
#for j in 0..TN / 4
#for q in 0..4
    c${i}_${j} = fma(vec4f(a${q}_${i}), b${q}_${j}, c${i}_${j});
#end
#end
#end
#end
  }
#if ROW_SUMS
#if LANES
  // Every lane has summed its quarter of K.
#for r in 0..TM / 4
  sum${r} = (quadBroadcast(sum${r}, 0u) + quadBroadcast(sum${r}, 1u)) +
    (quadBroadcast(sum${r}, 2u) + quadBroadcast(sum${r}, 3u));
#end
#end
#end
#if TAIL
  // The last one to three rows of K, when both operands run along it in whole rows.
  for (var k = whole; k < params.k; k++) {
#for j in 0..TN / 4
    let b${j} = B[cb${j} + k * ldb4];
#end
#for r in 0..TM / 4
    let a${r} = A[ra${r} + k * lda4];
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
#end
#if ROW_SUMS
  if (id.x == 0u) {
#for r in 0..TM / 4
    if (row0 / 4u + ${r}u <= lastRowQuad) { rowSums[row0 / 4u + ${r}u] = sum${r}; }
#end
  }
#end

  let baseC4 = id.z * params.strideC / 4u;
  let ldc4 = params.ldc / 4u;
#if LOOPED
  // A loop holds one copy of `C_set`, where unrolled text would hold one for every vec4 of the tile: on a software adapter
  // that halves the time to compile.
  var tile: array<vec4f, ${TM * TN / 4}>;
#for i in 0..TM
#for j in 0..TN / 4
  tile[${i * TN / 4 + j}] = c${i}_${j};
#end
#end
  for (var at = 0u; at < ${TM * TN / 4}u; at++) {
    let row = row0 + at / ${TN / 4}u;
    let quad = quad0 + at % ${TN / 4}u;
    if (row > lastRow || quad > lastQuad) { continue; }
#if BIAS
    C_set(baseC4 + row * ldc4 + quad, fma(vec4f(params.alpha), tile[at], bias[quad]));
#else
    C_set(baseC4 + row * ldc4 + quad, params.alpha * tile[at]);
#end
  }
#else
#for j in 0..TN / 4
  if (quad0 + ${j}u <= lastQuad) {
#if BIAS
    let bias${j} = bias[quad0 + ${j}u];
#else
    let bias${j} = vec4f();
#end
#for i in 0..TM
    if (row0 + ${i}u <= lastRow) {
      C_set(baseC4 + (row0 + ${i}u) * ldc4 + quad0 + ${j}u, fma(vec4f(params.alpha), c${i}_${j}, bias${j}));
    }
#end
  }
#end
#end
}
