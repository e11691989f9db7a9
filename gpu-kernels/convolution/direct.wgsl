// A convolution of small groups, number by number: where a group has a handful of channels, a matrix product would have
// nothing to share. A thread makes one number (U = 1) or four neighbouring channels (U = 4) of ${P} pixels of the result.
// The source is padded already, the weight lies as in PyTorch: [output][channel of the group][kernel row][kernel column].
//   DEPTHWISE: a group is one channel and one output, so that four neighbours of the source meet four of the result.
//   GRADIENT:  the input gradient: the source is the gradient by the output, the result has the image's channels.
//   STRIDED:   an input gradient of a stride other than 1.

struct Params {
  // Pixels of the result, its height and width, the source's with its zeros.
  pixels: u32, height: u32, width: u32, sourceHeight: u32, sourceWidth: u32,
  // Numbers per pixel of the result and the source; of one group: result, source, and the weight's channels.
  pitch: u32, sourcePitch: u32, outer: u32, inner: u32, channels: u32,
  kernelHeight: u32, kernelWidth: u32, strideY: u32, strideX: u32, dilationY: u32, dilationX: u32,
  // GRADIENT: zeros around the result's image, and around the source.
  paddingY: u32, paddingX: u32, marginY: u32, marginX: u32,
  count: u32,
}

#if U == 4
alias Value = vec4f;
#else
alias Value = f32;
#end

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.y * ${ROW}u + id.x;
  if (at >= params.count) { return; }
  let values = params.pitch / ${U}u;
  let channel = at % values * ${U}u;
  let first = at / values * ${P}u;
  let taps = params.kernelHeight * params.kernelWidth;
  // Where each number's weights and its group's numbers in the source begin; divisions stay outside of the loops.
#for i in 0..U
#if DEPTHWISE
  let weight${i} = (channel + ${i}u) * taps;
#else
  let group${i} = (channel + ${i}u) / params.outer;
  let numbers${i} = group${i} * params.inner;
#if GRADIENT
  let weight${i} = (numbers${i} * params.channels + channel + ${i}u - group${i} * params.outer) * taps;
#else
  let weight${i} = (channel + ${i}u) * params.channels * taps;
#end
#end
#end
#if GRADIENT
  let next = params.channels * taps;
#else
  let next = taps;
#end
#for i in 0..P
  let pixel${i} = min(first + ${i}u, params.pixels - 1u);
  let line${i} = pixel${i} / params.width;
  let image${i} = line${i} / params.height * params.sourceHeight;
#if GRADIENT
  // One stride more than there are zeros, so that nothing is negative.
  let y${i} = line${i} % params.height + params.paddingY + (params.marginY + 1u) * params.strideY;
  let x${i} = pixel${i} % params.width + params.paddingX + (params.marginX + 1u) * params.strideX;
#else
  let y${i} = line${i} % params.height * params.strideY;
  let x${i} = pixel${i} % params.width * params.strideX;
#end
  var sum${i} = Value();
#end
  for (var tapY = 0u; tapY < params.kernelHeight; tapY++) {
#for i in 0..P
#if GRADIENT
    let v${i} = y${i} - tapY * params.dilationY;
#if STRIDED
    // What is no multiple of the stride reads somewhere, and counts as nothing.
    let hitY${i} = v${i} % params.strideY == 0u;
    let row${i} = (image${i} + max(v${i} / params.strideY, 1u) - 1u) * params.sourceWidth;
#else
    let row${i} = (image${i} + v${i} - 1u) * params.sourceWidth - 1u;
#end
#else
    let row${i} = (image${i} + y${i} + tapY * params.dilationY) * params.sourceWidth;
#end
#end
    for (var tapX = 0u; tapX < params.kernelWidth; tapX++) {
      let tap = tapY * params.kernelWidth + tapX;
#for i in 0..P
#if GRADIENT
      let u${i} = x${i} - tapX * params.dilationX;
#if STRIDED
      let hit${i} = hitY${i} && u${i} % params.strideX == 0u;
      let at${i} = (row${i} + max(u${i} / params.strideX, 1u) - 1u) * params.sourcePitch;
#else
      let at${i} = (row${i} + u${i}) * params.sourcePitch;
#end
#else
      let at${i} = (row${i} + x${i} + tapX * params.dilationX) * params.sourcePitch;
#end
#end
#if DEPTHWISE
      let w = Value(
#for i in 0..U
        weight[weight${i} + tap],
#end
      );
#for i in 0..P
#if STRIDED
      sum${i} = fma(select(Value(), w, hit${i}), source[(at${i} + channel) / 4u], sum${i});
#else
      sum${i} = fma(w, source[(at${i} + channel) / 4u], sum${i});
#end
#end
#else
      for (var inner = 0u; inner < params.inner; inner++) {
        let w = Value(
#for i in 0..U
          weight[weight${i} + inner * next + tap],
#end
        );
#for p in 0..P
        let s${p} = Value(
#for i in 0..U
          source[at${p} + numbers${i} + inner],
#end
        );
#if STRIDED
        sum${p} = fma(select(Value(), w, hit${p}), s${p}, sum${p});
#else
        sum${p} = fma(w, s${p}, sum${p});
#end
#end
      }
#end
    }
  }
#if BIAS
  let b = Value(
#for i in 0..U
    bias[channel + ${i}u],
#end
  );
#else
  let b = Value();
#end
#for i in 0..P
  if (first + ${i}u < params.pixels) {
    result_set((pixel${i} * params.pitch + channel) / ${U}u, sum${i} + b);
  }
#end
}
