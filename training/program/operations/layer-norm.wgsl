// LayerNorm over the last axis: biased variance as in PyTorch.
//   forward    y = (x - mean) / sqrt(var + eps) * gain + shift; mean and 1/std are kept for the backward pass
//   BACKWARD   dx = (h - mean(h) - xhat * mean(h * xhat)) / std, with h = dy * gain
// One thread per row reads it in vec4s, or, with LANES, the four lanes of a subgroup share a row and take every fourth
// number each: a software adapter compiles a load of vec4s by four lanes as sixteen loads of numbers. UNROLL elements a thread
// are kept in registers; longer rows are read once per pass over them.
#if LANES
enable subgroups;
#end
alias T = ${TYPE};
struct Params { rows: u32, width: u32, scale: f32, eps: f32 }

fn total(x: T) -> f32 {
#if LANES
  return (quadBroadcast(x, 0u) + quadBroadcast(x, 1u)) + (quadBroadcast(x, 2u) + quadBroadcast(x, 3u));
#else
#if QUADS
  return x.x + x.y + x.z + x.w;
#else
  return x;
#end
#end
}

@compute @workgroup_size(16)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
#if LANES
  @builtin(subgroup_invocation_id) lane: u32,
#end
) {
#if LANES
  // All lanes take part in the sums; rows beyond the end repeat the last one and are not stored.
  let row = min(id.x / 4u, params.rows - 1u);
  let first = row * params.width + lane;
  let own = lane;
#else
  let row = id.x;
  if (row >= params.rows) { return; }
  let first = row * params.width;
  let own = 0u;
#end
#if BACKWARD
  let mean = T(statistics[row * 2u]);
  let inverseStd = T(statistics[row * 2u + 1u]);
  var sumH = T();
  var sumHX = T();
#if UNROLL > 0
#for j in 0..UNROLL
  let h${j} = dy_at(first + ${j * STEP}u) * gain[own + ${j * STEP}u];
  let xhat${j} = (x_at(first + ${j * STEP}u) - mean) * inverseStd;
  sumH += h${j};
  sumHX = fma(h${j}, xhat${j}, sumHX);
#end
#else
  for (var j = 0u; j < params.width; j += ${STEP}u) {
    let h = dy_at(first + j) * gain[own + j];
    sumH += h;
    sumHX += h * (x_at(first + j) - mean) * inverseStd;
  }
#end
  let meanH = T(total(sumH) * params.scale);
  let meanHX = T(total(sumHX) * params.scale);
#if LANES
  if (id.x / 4u >= params.rows) { return; }
#end
#if UNROLL > 0
#for j in 0..UNROLL
  dx_set(first + ${j * STEP}u, (h${j} - meanH - xhat${j} * meanHX) * inverseStd);
#end
#else
  for (var j = 0u; j < params.width; j += ${STEP}u) {
    let xhat = (x_at(first + j) - mean) * inverseStd;
    dx_set(first + j, (dy_at(first + j) * gain[own + j] - meanH - xhat * meanHX) * inverseStd);
  }
#end
#else
  var sum = T();
  var square = T();
#if UNROLL > 0
#for j in 0..UNROLL
  let x${j} = x_at(first + ${j * STEP}u);
  sum += x${j};
#end
  let mean = total(sum) * params.scale;
#for j in 0..UNROLL
  let centred${j} = x${j} - T(mean);
  square = fma(centred${j}, centred${j}, square);
#end
#else
  for (var j = 0u; j < params.width; j += ${STEP}u) { sum += x_at(first + j); }
  let mean = total(sum) * params.scale;
  for (var j = 0u; j < params.width; j += ${STEP}u) {
    let centred = x_at(first + j) - T(mean);
    square = fma(centred, centred, square);
  }
#end
  let inverseStd = 1.0 / sqrt(total(square) * params.scale + params.eps);
#if LANES
  if (id.x / 4u >= params.rows) { return; }
#end
#if UNROLL > 0
#for j in 0..UNROLL
  y_set(first + ${j * STEP}u, fma(centred${j} * T(inverseStd), gain[own + ${j * STEP}u], shift[own + ${j * STEP}u]));
#end
#else
  for (var j = 0u; j < params.width; j += ${STEP}u) {
    y_set(first + j, fma((x_at(first + j) - T(mean)) * T(inverseStd), gain[own + j], shift[own + j]));
  }
#end
  statistics[row * 2u] = mean;
  statistics[row * 2u + 1u] = inverseStd;
#end
}
