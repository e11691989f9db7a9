// Second moments of rows: F = alpha * X~^T X~ (ACCUMULATE: added to F), X~ = [X 1] when ONES, X is [rows, width] stored row by row.
// F is [padded, padded] with the padding zero. One thread makes an 8 x 8 tile on or below the diagonal and mirrors it.
// QUADS: rows are whole vec4s. Slices of the rows go to separate copies of F (z), which the caller adds up.
struct Params { rows: u32, width: u32, padded: u32, tiles: u32, slices: u32, alpha: f32 }

#if QUADS
fn quad(row: u32, q: u32) -> vec4f {
  let whole = params.width / 4u;
  if (q < whole) { return X[row * whole + q]; }
#if ONES
  return vec4f(select(0.0, 1.0, q == whole), 0.0, 0.0, 0.0);
#else
  return vec4f();
#end
}
#else
fn value(row: u32, i: u32) -> f32 {
  if (i < params.width) { return X[row * params.width + i]; }
#if ONES
  return select(0.0, 1.0, i == params.width);
#else
  return 0.0;
#end
}

fn quad(row: u32, q: u32) -> vec4f {
  return vec4f(value(row, 4u * q), value(row, 4u * q + 1u), value(row, 4u * q + 2u), value(row, 4u * q + 3u));
}
#end

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.tiles * (params.tiles + 1u) / 2u) { return; }
  // Tile number t of the lower triangle, row by row.
  var ti = u32((sqrt(8.0 * f32(id.x) + 1.0) - 1.0) * 0.5);
  if ((ti + 1u) * (ti + 2u) / 2u <= id.x) { ti++; }
  if (ti * (ti + 1u) / 2u > id.x) { ti--; }
  let tj = id.x - ti * (ti + 1u) / 2u;
#for i in 0..8
  var c${i}_0 = vec4f();
  var c${i}_1 = vec4f();
#end
  let slice = (params.rows + params.slices - 1u) / params.slices;
  let first = id.z * slice;
  let last = min(first + slice, params.rows);
  for (var r = first; r < last; r++) {
    let a0 = quad(r, 2u * ti);
    let a1 = quad(r, 2u * ti + 1u);
    let b0 = quad(r, 2u * tj);
    let b1 = quad(r, 2u * tj + 1u);
#for i in 0..8
    c${i}_0 = fma(vec4f(a${i / 4}.${lane(i % 4)}), b0, c${i}_0);
    c${i}_1 = fma(vec4f(a${i / 4}.${lane(i % 4)}), b1, c${i}_1);
#end
  }
  let base = id.z * params.padded * params.padded;
#for i in 0..8
#for j in 0..8
  store(base, ti * 8u + ${i}u, tj * 8u + ${j}u, c${i}_${j / 4}.${lane(j % 4)}, ti != tj);
#end
#end
}

fn store(base: u32, i: u32, j: u32, sum: f32, mirror: bool) {
  // Beyond `size` the sums are zero, so the padding stays zero.
  if (i >= params.padded || j >= params.padded) { return; }
  let at = base + i * params.padded + j;
  let value = params.alpha * sum;
#if ACCUMULATE
  F[at] = F[at] + value;
  if (mirror) { F[base + j * params.padded + i] = F[at]; }
#else
  F[at] = value;
  if (mirror) { F[base + j * params.padded + i] = value; }
#end
}
