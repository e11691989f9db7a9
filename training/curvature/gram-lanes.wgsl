// What gram.wgsl computes, for software adapters: the four lanes of a subgroup make 16 rows and 32 columns of F on or below
// the diagonal, 8 columns each, four rows of X at a time; a lane loads one of the four for the rows of F and broadcasts it.
// F is [padded, padded] with the padding zero.
//   ONES      X~ = [X 1]
//   WEIGHTED  row r of X~ is multiplied by weights[r]
//   SCALED    alpha is multiplied by scale[0]
//   PATCHES   X is an image [N, height, width, channels] with its zeros around it, and a row is the patch of a position. Columns
//             run over the window's pixels and then over channels; F has them as PyTorch's weight does, channels first.
enable subgroups;

struct Params {
  rows: u32, width: u32, padded: u32, blocks: u32, slices: u32, alpha: f32, first: u32, stride: u32,
  channels: u32, kernelArea: u32, kernelWidth: u32, outputArea: u32, outputWidth: u32,
  imageStep: u32, lineStep: u32, columnStep: u32, tapLineStep: u32, tapColumnStep: u32,
}

// Where a row begins, in vec4s.
fn rowAt(row: u32) -> u32 {
#if PATCHES
  let n = row / params.outputArea;
  let position = row - n * params.outputArea;
  let y = position / params.outputWidth;
  return n * params.imageStep + y * params.lineStep + (position - y * params.outputWidth) * params.columnStep;
#else
  return (row * params.stride + params.first) / 4u;
#end
}

// Where four columns are within a row, in vec4s; beyond the end the last four.
fn columnAt(quad: u32) -> u32 {
  let own = min(quad, params.width / 4u - 1u);
#if PATCHES
  let quads = params.channels / 4u;
  let tap = own / quads;
  let y = tap / params.kernelWidth;
  return y * params.tapLineStep + (tap - y * params.kernelWidth) * params.tapColumnStep + own - tap * quads;
#else
  return own;
#end
}

#if ONES
// What four numbers are multiplied by, and what is added: their own columns, the column of ones, nothing.
fn dataOf(quad: u32) -> vec4f {
  return select(vec4f(), vec4f(1.0), vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.width));
}

fn onesOf(quad: u32) -> vec4f {
  return select(vec4f(), vec4f(1.0), vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(params.width));
}

#end
@compute @workgroup_size(4, ${GROUP})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  // Block t of the lower triangle: rows 2 p and 2 p + 1 of blocks have p + 1 of them each.
  let t = min(id.y, params.blocks - 1u);
  var p = u32((sqrt(4.0 * f32(t) + 1.0) - 1.0) * 0.5);
  if ((p + 1u) * (p + 2u) <= t) { p++; }
  if (p * (p + 1u) > t) { p--; }
  let rest = t - p * (p + 1u);
  let ti = 2u * p + select(0u, 1u, rest > p);
  let tj = select(rest, rest - p - 1u, rest > p);
#for h in 0..4
  let aQuad${h} = 4u * ti + ${h}u;
  let a${h}At = columnAt(aQuad${h});
#end
#for h in 0..2
  let bQuad${h} = 8u * tj + 2u * lane + ${h}u;
  let b${h}At = columnAt(bQuad${h});
#end
#if ONES
#for h in 0..4
  let a${h}Data = dataOf(aQuad${h});
  let a${h}Ones = onesOf(aQuad${h});
#end
#for h in 0..2
  let b${h}Data = dataOf(bQuad${h});
  let b${h}Ones = onesOf(bQuad${h});
#end
#end
#for i in 0..16
  var c${i}_0 = vec4f();
  var c${i}_1 = vec4f();
#end
  let slice = (params.rows + params.slices - 1u) / params.slices;
  let firstRow = group.z * slice;
  let endRow = min(firstRow + slice, params.rows);
  for (var r = firstRow; r < endRow; r += 4u) {
    // Rows beyond the end repeat the last one, times 0.
    let own = min(r + lane, endRow - 1u);
    let at = rowAt(own);
#if WEIGHTED
    let weight = select(0.0, weights[own], r + lane < endRow);
#else
    let weight = select(0.0, 1.0, r + lane < endRow);
#end
#for h in 0..4
#if ONES
    let l${h} = weight * fma(X[at + a${h}At], a${h}Data, a${h}Ones);
#else
    let l${h} = weight * X[at + a${h}At];
#end
#end
#for q in 0..4
    let at${q} = quadBroadcast(at, ${q}u);
#if WEIGHTED
    // Both sides carry the weight, and not one its square: else F would not be symmetric to the last bit.
    let weight${q} = quadBroadcast(weight, ${q}u);
#end
#for h in 0..2
#if ONES
    var b${q}_${h} = fma(X[at${q} + b${h}At], b${h}Data, b${h}Ones);
#else
    var b${q}_${h} = X[at${q} + b${h}At];
#end
#if WEIGHTED
    b${q}_${h} *= weight${q};
#end
#end
#end
#for q in 0..4
#for h in 0..4
    let a${q}_${h} = quadBroadcast(l${h}, ${q}u);
#end
#end
#for i in 0..16
#for h in 0..2
#for q in 0..4
    c${i}_${h} = fma(vec4f(a${q}_${i / 4}.${lane(i % 4)}), b${q}_${h}, c${i}_${h});
#end
#end
#end
  }
  if (id.y >= params.blocks) { return; }
  let base = group.z * params.padded * params.padded;
  var tile: array<vec4f, 32>;
#for i in 0..16
#for h in 0..2
  tile[${2 * i + h}] = c${i}_${h};
#end
#end
  for (var k = 0u; k < 32u; k++) {
    store(base, ti * 16u + k / 2u, 8u * tj + 2u * lane + k % 2u, tile[k]);
  }
  // The blocks on the diagonal make both of its sides.
  if (tj == ti / 2u) { return; }
#for h in 0..2
#for j in 0..4
#for m in 0..4
  tile[${16 * h + 4 * j + m}] = vec4f(c${4 * m}_${h}.${lane(j)}, c${4 * m + 1}_${h}.${lane(j)}, c${4 * m + 2}_${h}.${lane(j)}, c${4 * m + 3}_${h}.${lane(j)});
#end
#end
#end
  for (var k = 0u; k < 32u; k++) {
    store(base, 4u * (8u * tj + 2u * lane) + k / 4u, ti * 4u + k % 4u, tile[k]);
  }
}

// Sums of columns beyond the side of F are of something else and become zero.
fn store(base: u32, row: u32, quad: u32, sums: vec4f) {
  if (row >= params.padded || 4u * quad >= params.padded) { return; }
#if ONES
  let size = params.width + 1u;
#else
  let size = params.width;
#end
  let columns = vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u);
#if SCALED
  let alpha = params.alpha * scale[0];
#else
  let alpha = params.alpha;
#end
  let values = select(vec4f(), alpha * sums, (columns < vec4<u32>(size)) & vec4<bool>(row < size));
#if PATCHES
#for j in 0..4
  put(base + place(row) * params.padded + place(columns.${lane(j)}), values.${lane(j)});
#end
#else
#if ACCUMULATE
  F[(base + row * params.padded) / 4u + quad] += values;
#else
  F[(base + row * params.padded) / 4u + quad] = values;
#end
#end
}
#if PATCHES

// From pixels of the window first to channels first.
fn place(column: u32) -> u32 {
  if (column >= params.width) { return column; }
  let tap = column / params.channels;
  return (column - tap * params.channels) * params.kernelArea + tap;
}

fn put(at: u32, value: f32) {
#if ACCUMULATE
  F[at] += value;
#else
  F[at] = value;
#end
}
#end
