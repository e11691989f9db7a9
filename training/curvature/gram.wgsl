// Second moments of rows: F_set takes alpha * X~^T X~, X~ = [X 1] when ONES, X the columns `first` to
// first + width - 1 of rows of `stride` numbers. F is [padded, padded] with the padding zero. One thread makes an 8 x 8
// tile on or below the diagonal and mirrors it. Slices of the rows go to separate copies of F (z), which the caller adds up.
//   LIMITED   only the first counts[limit] rows are there
//   WEIGHTED  row r of X~ is multiplied by weights[r]
//   SCALED    alpha is multiplied by scale[0]
struct Params {
  rows: u32, width: u32, padded: u32, tiles: u32, slices: u32, alpha: f32, first: u32, stride: u32, limit: u32
}

// How to read four columns of X~: where the data is, which of it counts, and what stands in for the rest.
struct Columns { at: u32, data: vec4f, rest: vec4f }

fn columnsOf(quad: u32) -> Columns {
  let first = 4u * quad;
  let column = vec4<u32>(first, first + 1u, first + 2u, first + 3u);
  let data = select(vec4f(), vec4f(1.0), column < vec4<u32>(params.width));
#if ONES
  let rest = select(vec4f(), vec4f(1.0), column == vec4<u32>(params.width));
#else
  let rest = vec4f();
#end
#if QUADS
  return Columns(min(quad, params.width / 4u - 1u), data, rest);
#else
  return Columns(first, data, rest);
#end
}

fn load(row: u32, columns: Columns) -> vec4f {
#if QUADS
  let value = fma(X[(row * params.stride + params.first) / 4u + columns.at], columns.data, columns.rest);
#else
  let first = row * params.stride + params.first;
  let last = params.width - 1u;
  let values = vec4f(
    X[first + min(columns.at, last)],
    X[first + min(columns.at + 1u, last)],
    X[first + min(columns.at + 2u, last)],
    X[first + min(columns.at + 3u, last)],
  );
  let value = fma(values, columns.data, columns.rest);
#end
#if WEIGHTED
  return weights[row] * value;
#else
  return value;
#end
}

@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.tiles * (params.tiles + 1u) / 2u) { return; }
  // Tile number t of the lower triangle, row by row.
  var ti = u32((sqrt(8.0 * f32(id.x) + 1.0) - 1.0) * 0.5);
  if ((ti + 1u) * (ti + 2u) / 2u <= id.x) { ti++; }
  if (ti * (ti + 1u) / 2u > id.x) { ti--; }
  let tj = id.x - ti * (ti + 1u) / 2u;
#for h in 0..2
  let a${h}Columns = columnsOf(2u * ti + ${h}u);
  let b${h}Columns = columnsOf(2u * tj + ${h}u);
#end
#for i in 0..8
  var c${i}_0 = vec4f();
  var c${i}_1 = vec4f();
#end
  let slice = (params.rows + params.slices - 1u) / params.slices;
  let first = id.z * slice;
#if LIMITED
  let last = min(first + slice, min(params.rows, counts[params.limit]));
#else
  let last = min(first + slice, params.rows);
#end
  for (var r = first; r < last; r++) {
    let a0 = load(r, a0Columns);
    let a1 = load(r, a1Columns);
    let b0 = load(r, b0Columns);
    let b1 = load(r, b1Columns);
#for i in 0..8
    c${i}_0 = fma(vec4f(a${i / 4}.${lane(i % 4)}), b0, c${i}_0);
    c${i}_1 = fma(vec4f(a${i / 4}.${lane(i % 4)}), b1, c${i}_1);
#end
  }
  let base = id.z * params.padded * params.padded / 4u;
#for h in 0..2
#for i in 0..8
  store(base, ti * 8u + ${i}u, tj * 2u + ${h}u, c${i}_${h});
#end
#end
  if (ti == tj) { return; }
#for h in 0..2
#for j in 0..8
  store(base, tj * 8u + ${j}u, ti * 2u + ${h}u,
    vec4f(c${4 * h}_${j / 4}.${lane(j % 4)}, c${4 * h + 1}_${j / 4}.${lane(j % 4)}, c${4 * h + 2}_${j / 4}.${lane(j % 4)}, c${4 * h + 3}_${j / 4}.${lane(j % 4)}));
#end
#end
}

// Beyond the side of F the sums are zero, so the padding stays zero.
fn store(base: u32, row: u32, quad: u32, sums: vec4f) {
  let quads = params.padded / 4u;
#if SCALED
  let alpha = params.alpha * scale[0];
#else
  let alpha = params.alpha;
#end
  if (row >= params.padded || quad >= quads) { return; }
  let at = base + row * quads + quad;
  F_set(at, alpha * sums);
}
