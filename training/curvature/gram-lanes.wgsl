// What gram.wgsl computes, for software adapters: the four lanes of a subgroup make TM rows and 32 columns of F on or below
// the diagonal, 8 columns each, four rows of X at a time; a lane loads one of the four for the rows of F and broadcasts it.
// Four rows of X are one product with a 4 x 4 matrix, which compiles in half the time of single multiply-adds.
// F is [padded, padded] with the padding zero.
//   TM        16, or 32 where there are enough blocks of them: less is loaded for each multiply-add
//   ONES      X~ = [X 1]. The row and the column that its ones make are sums of columns, so no block is spent on them.
//   WEIGHTED  row r of X~ is multiplied by weights[r]
//   SCALED    alpha is multiplied by scale[0]
//   PATCHES   X is an image [N, height, width, channels] with its zeros around it, and a row is the patch of a position. Columns
//             run over the window's pixels and then over channels; F has them as PyTorch's weight does, channels first, and
//             takes numbers one by one.
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

@compute @workgroup_size(4, ${GROUP})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let t = min(id.y, params.blocks - 1u);
#if TM == 16
  // Block t of the lower triangle: rows 2 p and 2 p + 1 of blocks have p + 1 of them each.
  var p = u32((sqrt(4.0 * f32(t) + 1.0) - 1.0) * 0.5);
  if ((p + 1u) * (p + 2u) <= t) { p++; }
  if (p * (p + 1u) > t) { p--; }
  let rest = t - p * (p + 1u);
  let ti = 2u * p + select(0u, 1u, rest > p);
  let tj = select(rest, rest - p - 1u, rest > p);
  let isOnDiagonal = tj == ti / 2u;
  let isFirstOnDiagonal = ti == 2u * tj;
#else
  var ti = u32((sqrt(8.0 * f32(t) + 1.0) - 1.0) * 0.5);
  if ((ti + 1u) * (ti + 2u) / 2u <= t) { ti++; }
  if (ti * (ti + 1u) / 2u > t) { ti--; }
  let tj = t - ti * (ti + 1u) / 2u;
  let isOnDiagonal = ti == tj;
  let isFirstOnDiagonal = isOnDiagonal;
#end
#for h in 0..TM / 4
  let a${h}At = columnAt(${TM / 4}u * ti + ${h}u);
#end
  let bQuad = 8u * tj + 2u * lane;
#for h in 0..2
  let b${h}At = columnAt(bQuad + ${h}u);
#end
#for i in 0..TM
  var c${i}_0 = vec4f();
  var c${i}_1 = vec4f();
#end
#if ONES
  var sums0 = vec4f();
  var sums1 = vec4f();
  var squares = 0.0;
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
#for h in 0..TM / 4
    let l${h} = weight * X[at + a${h}At];
#end
#for q in 0..4
    let at${q} = quadBroadcast(at, ${q}u);
#if WEIGHTED || ONES
    let weight${q} = quadBroadcast(weight, ${q}u);
#end
#for h in 0..2
#if WEIGHTED
    // Both sides carry the weight, and not one its square: else F would not be symmetric to the last bit.
    let b${q}_${h} = weight${q} * X[at${q} + b${h}At];
#else
    let b${q}_${h} = X[at${q} + b${h}At];
#end
#if ONES
    sums${h} = fma(vec4f(weight${q}), b${q}_${h}, sums${h});
#end
#end
#end
#if ONES
    squares = fma(weight, weight, squares);
#end
#for h in 0..2
    let b${h} = mat4x4f(b0_${h}, b1_${h}, b2_${h}, b3_${h});
#end
#for i in 0..TM
    let a${i} = vec4f(quadBroadcast(l${i / 4}.${lane(i % 4)}, 0u), quadBroadcast(l${i / 4}.${lane(i % 4)}, 1u), quadBroadcast(l${i / 4}.${lane(i % 4)}, 2u), quadBroadcast(l${i / 4}.${lane(i % 4)}, 3u));
#for h in 0..2
    c${i}_${h} += b${h} * a${i};
#end
#end
  }
#if ONES
  let count = (quadBroadcast(squares, 0u) + quadBroadcast(squares, 1u)) + (quadBroadcast(squares, 2u) + quadBroadcast(squares, 3u));
#end
  if (id.y >= params.blocks) { return; }
#if SCALED
  let alpha = params.alpha * scale[0];
#else
  let alpha = params.alpha;
#end
  let base = group.z * params.padded * params.padded;
#if ONES
  // Column `width` of X~ against all columns, and what lies beyond it, which is zero.
  if (isFirstOnDiagonal) {
    for (var h = 0u; h < 2u; h++) {
      let sums = alpha * select(sums0, sums1, h == 1u);
      if (4u * (bQuad + h) >= params.width) { continue; }
      for (var j = 0u; j < 4u; j++) {
        store(base, params.width + j, bQuad + h, select(vec4f(), sums, j == 0u));
        store(base, 4u * (bQuad + h) + j, params.width / 4u, vec4f(sums[j], 0.0, 0.0, 0.0));
      }
    }
    if (t == 0u && lane == 0u) {
      for (var j = 0u; j < 4u; j++) {
        store(base, params.width + j, params.width / 4u, vec4f(select(0.0, alpha * count, j == 0u), 0.0, 0.0, 0.0));
      }
    }
  }
#end
  var tile: array<vec4f, ${2 * TM}>;
#for i in 0..TM
#for h in 0..2
  tile[${2 * i + h}] = c${i}_${h};
#end
#end
  for (var k = 0u; k < ${2 * TM}u; k++) {
    storeSums(base, ti * ${TM}u + k / 2u, bQuad + k % 2u, alpha * tile[k]);
  }
  // The blocks on the diagonal make both of its sides.
  if (isOnDiagonal) { return; }
#for h in 0..2
#for j in 0..4
#for m in 0..TM / 4
  tile[${TM * h + TM / 4 * j + m}] = vec4f(c${4 * m}_${h}.${lane(j)}, c${4 * m + 1}_${h}.${lane(j)}, c${4 * m + 2}_${h}.${lane(j)}, c${4 * m + 3}_${h}.${lane(j)});
#end
#end
#end
  for (var k = 0u; k < ${2 * TM}u; k++) {
    storeSums(base, 4u * bQuad + k / ${TM / 4}u, ti * ${TM / 4}u + k % ${TM / 4}u, alpha * tile[k]);
  }
}

// Blocks reach beyond the last column.
fn storeSums(base: u32, row: u32, quad: u32, values: vec4f) {
  if (row >= params.width || 4u * quad >= params.width) { return; }
  store(base, row, quad, values);
}

fn store(base: u32, row: u32, quad: u32, values: vec4f) {
#if PATCHES
  for (var j = 0u; j < 4u; j++) {
    F_set(base + place(row) * params.padded + place(4u * quad + j), values[j]);
  }
#else
  F_set((base + row * params.padded) / 4u + quad, values);
#end
}
#if PATCHES

// From pixels of the window first to channels first.
fn place(column: u32) -> u32 {
  if (column >= params.width) { return column; }
  let tap = column / params.channels;
  return (column - tap * params.channels) * params.kernelArea + tap;
}
#end
