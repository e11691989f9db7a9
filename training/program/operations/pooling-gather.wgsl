// The gradient of pooling over windows that overlap: every pixel sums what it gets from each window it lies in.
alias T = ${TYPE};

struct Params {
  height: i32, width: i32, channels: u32, outputHeight: i32, outputWidth: i32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, paddingY: i32, paddingX: i32, lines: u32,
}

// First window, counted from 0, that reaches a padded position; the last one is position / stride.
fn firstWindow(position: i32, kernel: i32, stride: i32) -> i32 {
  return max(0, position - kernel + stride) / stride;
}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = params;
  let line = id.z * ${LINES}u + id.y;
  let pixel = id.x / p.channels;
  if (pixel >= u32(p.width) || line >= p.lines) { return; }
  let c = id.x - pixel * p.channels;
  let n = line / u32(p.height);
  let image = i32(n) * p.outputHeight;
  let y = i32(line) - i32(n) * p.height + p.paddingY;
  let x = i32(pixel) + p.paddingX;
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
  let i = line * u32(p.width) * p.channels + id.x;
#if LARGEST
  result_set(i, sum);
#else
  result_set(i, sum / T(f32(p.kernelHeight * p.kernelWidth)));
#end
}
