// Weight and bias gradients of a convolution of small groups: sums over pixels of gradient * image, in slices of lines of
// the output. A thread sums one row of the kernel for one output (U = 1) or four neighbouring outputs (U = 4) and one
// channel of the group. Partial sums lie as [slice][output][tap][channel], an output's up to whole vec4s.
//   DEPTHWISE: a group is one channel and one output, so that four neighbours of the image meet four of the gradient.

struct Params {
  // Lines of all outputs, lines of a slice, and an output's size; the padded image's.
  lines: u32, slice: u32, height: u32, width: u32, sourceHeight: u32, sourceWidth: u32,
  // Numbers per pixel of the gradient and of the image; of one group: outputs and channels.
  pitch: u32, sourcePitch: u32, outputs: u32, channels: u32,
  kernelHeight: u32, strideY: u32, strideX: u32, dilationY: u32, dilationX: u32,
  // Distance between two outputs' partial sums.
  distance: u32,
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
  let output = at % values * ${U}u;
  let tapY = at / values % params.kernelHeight;
  let channel = at / (values * params.kernelHeight) % params.channels;
  let slice = at / (values * params.kernelHeight * params.channels);
#if !DEPTHWISE
  // Divisions stay outside of the loops.
#for i in 0..U
  let number${i} = (output + ${i}u) / params.outputs * params.channels + channel;
#end
#end
#for j in 0..KW
  var sum${j} = Value();
#end
#if BIAS
  var total = Value();
#end
  let last = min((slice + 1u) * params.slice, params.lines);
  for (var line = slice * params.slice; line < last; line++) {
    let y = line % params.height * params.strideY + tapY * params.dilationY;
    var seen = (line / params.height * params.sourceHeight + y) * params.sourceWidth;
    var place = (line * params.width * params.pitch + output) / ${U}u;
    for (var x = 0u; x < params.width; x++) {
      let g = gradient[place];
#if BIAS
      total += g;
#end
#for j in 0..KW
      let at${j} = (seen + ${j}u * params.dilationX) * params.sourcePitch;
#if DEPTHWISE
      sum${j} = fma(g, source[(at${j} + output) / 4u], sum${j});
#else
      sum${j} = fma(g, Value(
#for i in 0..U
        source[at${j} + number${i}],
#end
      ), sum${j});
#end
#end
      seen += params.strideX;
      place += values;
    }
  }
  let first = (slice * params.pitch + output) * params.distance + tapY * ${KW}u * params.channels + channel;
#for j in 0..KW
#if U == 4
#for i in 0..4
  partials[first + ${i}u * params.distance + ${j}u * params.channels] = sum${j}.${lane(i)};
#end
#else
  partials[first + ${j}u * params.channels] = sum${j};
#end
#end
#if BIAS
  if (tapY == 0u && channel == 0u) {
#if U == 4
#for i in 0..4
    biasPartials[slice * params.pitch + output + ${i}u] = total.${lane(i)};
#end
#else
    biasPartials[slice * params.pitch + output] = total;
#end
  }
#end
}
