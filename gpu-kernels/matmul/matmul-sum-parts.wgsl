// The sum of a product's parts along K, in their order, one number or vec4 of C a thread (V); times alpha, plus the bias.
//   ROW_SUMS: also the sums of the parts' row sums.

struct Params { count: u32, partCount: u32, columns: u32, m: u32, ldc: u32, strideC: u32, alpha: f32, sums: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  var total = parts[i];
  for (var part = 1u; part < params.partCount; part++) { total += parts[part * params.count + i]; }
  let row = i / params.columns;
  let col = i % params.columns;
#if BIAS
  let result = fma(${V}(params.alpha), total, bias[col]);
#else
  let result = params.alpha * total;
#end
  C_set(row / params.m * params.strideC + row % params.m * params.ldc + col, result);
#if ROW_SUMS
  if (i >= params.sums) { return; }
  var sum = sumParts[i];
  for (var part = 1u; part < params.partCount; part++) { sum += sumParts[part * params.sums + i]; }
  rowSums[i] = sum;
#end
}
