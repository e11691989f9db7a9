// LayerNorm over the last axis, one thread per row: biased variance as in PyTorch.
//   forward    y = (x - mean) / sqrt(var + eps) * gain + shift; mean and 1/std are kept for the backward pass
//   BACKWARD   dx = (h - mean(h) - xhat * mean(h * xhat)) / std, with h = dy * gain
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
  let mean = statistics[row * 2u];
  let inverseStd = statistics[row * 2u + 1u];
  var sumH = T();
  var sumHX = T();
  for (var j = 0u; j < params.width; j++) {
    let h = dy[first + j] * gain[j];
    sumH += h;
    sumHX += h * (x[first + j] - T(mean)) * T(inverseStd);
  }
  let meanH = T(total(sumH) * params.scale);
  let meanHX = T(total(sumHX) * params.scale);
  for (var j = 0u; j < params.width; j++) {
    let xhat = (x[first + j] - T(mean)) * T(inverseStd);
    dx[first + j] = (dy[first + j] * gain[j] - meanH - xhat * meanHX) * T(inverseStd);
  }
#else
  var sum = T();
  for (var j = 0u; j < params.width; j++) { sum += x[first + j]; }
  let mean = total(sum) * params.scale;
  var square = T();
  for (var j = 0u; j < params.width; j++) {
    let centred = x[first + j] - T(mean);
    square = fma(centred, centred, square);
  }
  let inverseStd = 1.0 / sqrt(total(square) * params.scale + params.eps);
  for (var j = 0u; j < params.width; j++) {
    y[first + j] = (x[first + j] - T(mean)) * T(inverseStd) * gain[j] + shift[j];
  }
  statistics[row * 2u] = mean;
  statistics[row * 2u + 1u] = inverseStd;
#end
}
