// Pooling over windows of an image, channels last: one thread makes one value T of the output, a number or a vec4 of
// channels.
//   LARGEST   the largest value; padding never wins, as if it were -inf
//   ARGUMENT  where the largest value lies in its window, counted row by row; of equal ones the first
//   neither   the sum over the kernel's area: padding counts as zeros, as with PyTorch's count_include_pad
//   UNROLLED  no padding and a small kernel, KH x KW
alias T = ${TYPE};
alias Bools = ${BOOLS};

struct Params {
  height: i32, width: i32, channels: u32, outputHeight: u32, outputWidth: u32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, paddingY: i32, paddingX: i32, lines: u32,
}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = params;
  let line = id.z * ${LINES}u + id.y;
  let pixel = id.x / p.channels;
  if (pixel >= p.outputWidth || line >= p.lines) { return; }
  let c = id.x - pixel * p.channels;
  let n = line / p.outputHeight;
  let image = i32(n) * p.height;
  let top = i32(line - n * p.outputHeight) * p.strideY - p.paddingY;
  let left = i32(pixel) * p.strideX - p.paddingX;
#if UNROLLED
  let origin = u32((image + top) * p.width + left) * p.channels + c;
  let pitch = u32(p.width) * p.channels;
  var value = x_at(origin);
#if LARGEST
  var best = value;
  var at = ${INDICES}(0u);
#else
  var sum = value;
#end
#for k in 1..KH * KW
  value = x_at(origin + ${k / KW}u * pitch + ${k % KW}u * p.channels);
#if LARGEST
  let isLarger${k} = Bools(value > best) | Bools(value != value);
  best = select(best, value, isLarger${k});
#if ARGUMENT
  at = select(at, ${INDICES}(${k}u), isLarger${k});
#end
#else
  sum += value;
#end
#end
#else
  // A window always holds a pixel of the image: padding is at most half a kernel.
  let firstX = max(left, 0);
  let endX = min(left + p.kernelWidth, p.width);
  let firstY = max(top, 0);
  let endY = min(top + p.kernelHeight, p.height);
#if LARGEST
  var best = x_at(u32((image + firstY) * p.width + firstX) * p.channels + c);
  var at = ${INDICES}(u32((firstY - top) * p.kernelWidth + firstX - left));
#else
  var sum = T();
#end
  for (var y = firstY; y < endY; y++) {
    for (var x = firstX; x < endX; x++) {
      let value = x_at(u32((image + y) * p.width + x) * p.channels + c);
#if LARGEST
      // NaN wins, so that a net that has diverged shows it.
      let isLarger = Bools(value > best) | Bools(value != value);
      best = select(best, value, isLarger);
#if ARGUMENT
      at = select(at, ${INDICES}(u32((y - top) * p.kernelWidth + x - left)), isLarger);
#end
#else
      sum += value;
#end
    }
  }
#end
  let i = line * p.outputWidth * p.channels + id.x;
#if ARGUMENT
  argument[i] = at;
#else
#if LARGEST
  result_set(i, best);
#else
  result_set(i, sum / T(f32(p.kernelHeight * p.kernelWidth)));
#end
#end
}
