// NaN, made of its bits as the kernel runs: WGSL refuses a constant expression that is none.
fn notANumber() -> f32 {
  var bits = 0x7fc00000u;
  return bitcast<f32>(bits);
}
