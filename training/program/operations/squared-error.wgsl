// Squared error of predictions [M, C], averaged over C: terms[m] = (1/C) sum_c (f - y)^2, as torch's MSELoss.
struct Params { m: u32, c: u32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.m) { return; }
  var sum = 0.0;
  for (var c = 0u; c < params.c; c++) {
    let e = predictions[row * params.c + c] - targets[row * params.c + c];
    sum = fma(e, e, sum);
  }
  terms[row] = sum / f32(params.c);
}
