// LayerNorm over the last axis, one thread per row: biased variance as in PyTorch.
//   forward    y = (x - mean) / sqrt(var + eps) * gain + shift; mean and 1/std are kept for the backward pass
//   BACKWARD   dx = (h - mean(h) - xhat * mean(h * xhat)) / std, with h = dy * gain
// A row of up to 16 vec4s (UNROLL of them) is kept in registers; longer ones are read once per pass over them.
alias T = ${TYPE};
struct Params { rows: u32, width: u32, scale: f32, eps: f32 }

fn total(x: T) -> f32 {
#if QUADS
  return x.x + x.y + x.z + x.w;
#else
  return x;
#end
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rows) { return; }
  let first = row * params.width;
#if BACKWARD
  let mean = T(statistics[row * 2u]);
  let inverseStd = T(statistics[row * 2u + 1u]);
  var sumH = T();
  var sumHX = T();
#if UNROLL > 0
#for j in 0..UNROLL
  let h${j} = dy_at(first + ${j}u) * gain[${j}u];
  let xhat${j} = (x_at(first + ${j}u) - mean) * inverseStd;
  sumH += h${j};
  sumHX = fma(h${j}, xhat${j}, sumHX);
#end
  let meanH = T(total(sumH) * params.scale);
  let meanHX = T(total(sumHX) * params.scale);
#for j in 0..UNROLL
  dx_set(first + ${j}u, (h${j} - meanH - xhat${j} * meanHX) * inverseStd);
#end
#else
  for (var j = 0u; j < params.width; j++) {
    let h = dy_at(first + j) * gain[j];
    sumH += h;
    sumHX += h * (x_at(first + j) - mean) * inverseStd;
  }
  let meanH = T(total(sumH) * params.scale);
  let meanHX = T(total(sumHX) * params.scale);
  for (var j = 0u; j < params.width; j++) {
    let xhat = (x_at(first + j) - mean) * inverseStd;
    dx_set(first + j, (dy_at(first + j) * gain[j] - meanH - xhat * meanHX) * inverseStd);
  }
#end
#else
  var sum = T();
  var square = T();
#if UNROLL > 0
#for j in 0..UNROLL
  let x${j} = x_at(first + ${j}u);
  sum += x${j};
#end
  let mean = total(sum) * params.scale;
#for j in 0..UNROLL
  let centred${j} = x${j} - T(mean);
  square = fma(centred${j}, centred${j}, square);
#end
  let inverseStd = 1.0 / sqrt(total(square) * params.scale + params.eps);
#for j in 0..UNROLL
  y_set(first + ${j}u, fma(centred${j} * T(inverseStd), gain[${j}u], shift[${j}u]));
#end
#else
  for (var j = 0u; j < params.width; j++) { sum += x_at(first + j); }
  let mean = total(sum) * params.scale;
  for (var j = 0u; j < params.width; j++) {
    let centred = x_at(first + j) - T(mean);
    square = fma(centred, centred, square);
  }
  let inverseStd = 1.0 / sqrt(total(square) * params.scale + params.eps);
  for (var j = 0u; j < params.width; j++) {
    y_set(first + j, fma((x_at(first + j) - T(mean)) * T(inverseStd), gain[j], shift[j]));
  }
#end
  statistics[row * 2u] = mean;
  statistics[row * 2u + 1u] = inverseStd;
#end
}
