// The gradient of pooling over windows that overlap: every pixel sums what it gets from each window it lies in.
alias T = ${TYPE};

struct Params {
  height: i32, width: i32, channels: u32, outputHeight: i32, outputWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, paddingY: i32, paddingX: i32, count: u32,
}

// First window, counted from 0, that reaches a padded position; the last one is position / stride.
fn firstWindow(position: i32, kernel: i32, stride: i32) -> i32 {
  return max(0, position - kernel + stride) / stride;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  let p = params;
  if (i >= p.count) { return; }
  let c = i % p.channels;
  let pixel = i / p.channels;
  let line = pixel / u32(p.width);
  let y = i32(line % u32(p.height)) + p.paddingY;
  let x = i32(pixel % u32(p.width)) + p.paddingX;
  let image = i32(line / u32(p.height)) * p.outputHeight;
  var sum = T();
  for (var oy = firstWindow(y, p.kernelHeight, p.strideY); oy <= min(y / p.strideY, p.outputHeight - 1); oy++) {
    for (var ox = firstWindow(x, p.kernelWidth, p.strideX); ox <= min(x / p.strideX, p.outputWidth - 1); ox++) {
      let o = u32((image + oy) * p.outputWidth + ox) * p.channels + c;
#if LARGEST
      let at = ${INDICES}(u32((y - oy * p.strideY) * p.kernelWidth + x - ox * p.strideX));
      sum += select(T(), g[o], argument[o] == at);
#else
      sum += g[o];
#end
    }
  }
#if LARGEST
  result_set(i, sum);
#else
  result_set(i, sum / T(f32(p.kernelHeight * p.kernelWidth)));
#end
}
