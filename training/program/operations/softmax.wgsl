// Softmax over rows, one thread per row of `width` units T (a number or a vec4).
//   LOG      y = z - max - log sum exp(z - max); no masks
//   CAUSAL   row q of a matrix sees the columns 0 to q
//   MASKED   `mask` adds to the scores (f32), or with KEEP shows where it is not 0 (u32); MASK_ROW is the mask's row
// A row that sees nothing is zeros. Drivers answer infinity to exp(NaN); NaN is passed on as it is, so that the row
// becomes NaN: no comparison holds for it.
alias T = ${TYPE};
alias Bools = ${BOOLS};
struct Params { rows: u32, width: u32, queries: u32 }

fn total(x: T) -> f32 {
#if QUADS
  return x.x + x.y + x.z + x.w;
#else
  return x;
#end
}

fn largest(x: T) -> f32 {
#if QUADS
  return max(max(x.x, x.y), max(x.z, x.w));
#else
  return x;
#end
}

// Whether column j (in units) of a row is seen.
fn sees(row: u32, maskRow: u32, j: u32) -> Bools {
  var seen = Bools(true);
#if CAUSAL
  let query = row % params.queries;
#if QUADS
  seen = vec4u(j * 4u) + vec4u(0u, 1u, 2u, 3u) <= vec4u(query);
#else
  seen = j <= query;
#end
#end
#if KEEP
  seen = seen & (mask_at(maskRow * params.width + j) != ${MASK_TYPE}());
#end
  return seen;
}

fn score(row: u32, maskRow: u32, j: u32) -> T {
#if MASKED && !KEEP
  return x_at(row * params.width + j) + mask_at(maskRow * params.width + j);
#else
  return x_at(row * params.width + j);
#end
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * ${ROW}u + id.x;
  if (row >= params.rows) { return; }
  let first = row * params.width;
  let maskRow = ${MASK_ROW};
#if CAUSAL
#if QUADS
  let end = min((row % params.queries) / 4u + 1u, params.width);
#else
  let end = min(row % params.queries + 1u, params.width);
#end
#else
  let end = params.width;
#end
  var highest = T(-3.4028234663852886e38);
  for (var j = 0u; j < end; j++) {
    let z = score(row, maskRow, j);
    highest = select(highest, z, sees(row, maskRow, j) & (z > highest));
  }
  let most = T(largest(highest));
  var sum = T();
#if LOG
  for (var j = 0u; j < end; j++) {
    let d = score(row, maskRow, j) - most;
    sum += select(d, exp(d), d <= T());
  }
  let shift = most + T(log(total(sum)));
  let isSound = Bools(total(sum) > 0.0);
  for (var j = 0u; j < end; j++) {
    let z = score(row, maskRow, j);
    // log(NaN) is a number on some drivers; the sum itself is NaN.
    y_set(first + j, select(T(total(sum)), z - shift, isSound));
  }
#else
  for (var j = 0u; j < end; j++) {
    let d = score(row, maskRow, j) - most;
    let e = select(T(), select(d, exp(d), d <= T()), sees(row, maskRow, j));
    y[first + j] = e;
    sum += e;
  }
  let all = total(sum);
  // A row that sees nothing has the sum 0; 0 / 1 then.
  let divisor = T(select(all, 1.0, all == 0.0));
  for (var j = 0u; j < end; j++) { y[first + j] = y[first + j] / divisor; }
  for (var j = end; j < params.width; j++) { y[first + j] = T(); }
#end
}
