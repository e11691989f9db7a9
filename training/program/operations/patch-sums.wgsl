// Sums over all places of a window, one direction at a time, each pixel of the window on its own.
//   ROWS  y[n, k, w, c] = sum over o of x[n, o stride + k dilation - padding, w, c]: the window's rows k
//   else  y[n, c, k, l] = scale * sum over o of x[n, k, o stride + l dilation - padding, c]: its columns l
// What lies outside of the image is 0. One thread per number of y.
struct Params {
  count: u32, length: u32, outputs: u32, kernel: u32, stride: u32, dilation: u32, padding: u32,
  rows: u32, width: u32, channels: u32, scale: f32
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
#if ROWS
  let inner = params.width * params.channels;
  let k = (i / inner) % params.kernel;
  let first = (i / (inner * params.kernel)) * params.length * inner + i % inner;
  let step = inner;
#else
  let k = i % params.kernel;
  let row = (i / params.kernel) % params.rows;
  let c = (i / (params.kernel * params.rows)) % params.channels;
  let n = i / (params.kernel * params.rows * params.channels);
  let first = (n * params.rows + row) * params.length * params.channels + c;
  let step = params.channels;
#end
  var sum = 0.0;
  for (var o = 0u; o < params.outputs; o++) {
    // Below 0 wraps around, beyond the image as well.
    let at = o * params.stride + k * params.dilation - params.padding;
    if (at < params.length) { sum += x[first + at * step]; }
  }
#if ROWS
  y[i] = sum;
#else
  y[i] = params.scale * sum;
#end
}
