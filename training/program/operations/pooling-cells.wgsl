// The gradient of pooling over windows that do not overlap. The image falls into cells of one stride each, a window at
// the top left corner of each; one thread writes all pixels of a cell, so that the output's gradient is read once and the
// place of the maximum found once.
//   UNROLLED  the windows, of KH x KW, cover the image exactly: a cell is its window
alias T = ${TYPE};
alias Bools = ${BOOLS};

struct Params {
  height: i32, width: i32, channels: u32, outputHeight: u32, outputWidth: u32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, paddingY: i32, paddingX: i32, lines: u32,
  cellsDown: u32, cellsAcross: u32,
}

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = params;
  let line = id.z * ${LINES}u + id.y;
  let cellX = id.x / p.channels;
  if (cellX >= p.cellsAcross || line >= p.lines) { return; }
  let c = id.x - cellX * p.channels;
#if UNROLLED
  var gradient = g_at(line * p.outputWidth * p.channels + id.x);
  let pitch = u32(p.width) * p.channels;
  let origin = line * ${KH}u * pitch + cellX * ${KW}u * p.channels + c;
#if LARGEST
  var best = x_at(origin);
  var at = ${INDICES}(0u);
#for k in 1..KH * KW
  let value${k} = x_at(origin + ${k / KW}u * pitch + ${k % KW}u * p.channels);
  let isLarger${k} = Bools(value${k} > best) | Bools(value${k} != value${k});
  best = select(best, value${k}, isLarger${k});
  at = select(at, ${INDICES}(${k}u), isLarger${k});
#end
#else
  gradient /= T(${KH * KW}.0);
#end
#for k in 0..KH * KW
#if LARGEST
  result_set(origin + ${k / KW}u * pitch + ${k % KW}u * p.channels, select(T(), gradient, at == ${INDICES}(${k}u)));
#else
  result_set(origin + ${k / KW}u * pitch + ${k % KW}u * p.channels, gradient);
#end
#end
#else
  let n = line / p.cellsDown;
  let cellY = line - n * p.cellsDown;
  let top = i32(cellY) * p.strideY - p.paddingY;
  let left = i32(cellX) * p.strideX - p.paddingX;
  let image = i32(n) * p.height;
  let firstX = max(left, 0);
  let firstY = max(top, 0);
  let endX = min(left + p.kernelWidth, p.width);
  let endY = min(top + p.kernelHeight, p.height);
  // The last cells may hold the image's rest, which no window sees.
  var gradient = T();
  if (cellY < p.outputHeight && cellX < p.outputWidth) {
    gradient = g_at(((n * p.outputHeight + cellY) * p.outputWidth + cellX) * p.channels + c);
  }
#if LARGEST
  let first = u32((image + firstY) * p.width + firstX);
  var best = x_at(first * p.channels + c);
  var at = ${INDICES}(first);
  for (var y = firstY; y < endY; y++) {
    for (var x = firstX; x < endX; x++) {
      let pixel = u32((image + y) * p.width + x);
      let value = x_at(pixel * p.channels + c);
      let isLarger = Bools(value > best) | Bools(value != value);
      best = select(best, value, isLarger);
      at = select(at, ${INDICES}(pixel), isLarger);
    }
  }
#else
  gradient /= T(f32(p.kernelHeight * p.kernelWidth));
#end
  for (var y = firstY; y < min(top + p.strideY, p.height); y++) {
    for (var x = firstX; x < min(left + p.strideX, p.width); x++) {
      let pixel = u32((image + y) * p.width + x);
#if LARGEST
      result_set(pixel * p.channels + c, select(T(), gradient, at == ${INDICES}(pixel)));
#else
      result_set(pixel * p.channels + c, select(T(), gradient, y < endY && x < endX));
#end
    }
  }
#end
}
