// C[b] = alpha * op(A[b]) op(B[b]) (+ bias) for any sizes and strides: scalar loads, a 4 x 4 register tile per thread.
// ROW_SUMS: also rowSums[m] = sum over k of op(A)[m, k], by the threads of the first columns.
// The tiled kernel is much faster; this one is for shapes whose rows are not whole vec4s.

struct Params {
  m: u32, n: u32, k: u32,
  aRow: u32, aCol: u32, bRow: u32, bCol: u32, ldc: u32,
  strideA: u32, strideB: u32, strideC: u32, alpha: f32,
}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row0 = id.y * 4u;
  let col0 = id.x * 4u;
  let baseA = id.z * params.strideA;
  let baseB = id.z * params.strideB;
#for i in 0..4
  let ra${i} = baseA + min(row0 + ${i}u, params.m - 1u) * params.aRow;
  let cb${i} = baseB + min(col0 + ${i}u, params.n - 1u) * params.bCol;
  var c${i} = vec4f();
#if ROW_SUMS
  var sum${i} = 0.0;
#end
#end
  for (var k = 0u; k < params.k; k++) {
    let ka = k * params.aCol;
    let kb = k * params.bRow;
    let b = vec4f(B[cb0 + kb], B[cb1 + kb], B[cb2 + kb], B[cb3 + kb]);
#for i in 0..4
    let a${i} = A[ra${i} + ka];
    c${i} = fma(vec4f(a${i}), b, c${i});
#if ROW_SUMS
    sum${i} += a${i};
#end
#end
  }
#if ROW_SUMS
  if (id.x == 0u) {
#for i in 0..4
    if (row0 + ${i}u < params.m) { rowSums[row0 + ${i}u] = sum${i}; }
#end
  }
#end
  let baseC = id.z * params.strideC;
#for j in 0..4
  if (col0 + ${j}u < params.n) {
#if BIAS
    let bias${j} = bias[col0 + ${j}u];
#else
    let bias${j} = 0.0;
#end
#for i in 0..4
    if (row0 + ${i}u < params.m) {
      C_set(baseC + (row0 + ${i}u) * params.ldc + col0 + ${j}u, fma(params.alpha, c${i}.${lane(j)}, bias${j}));
    }
#end
  }
#end
}
