// The weight's gradient as a matrix product over all pixels of the output: rows are outputs, columns are (kernel row,
// kernel column, channel). Each workgroup sums over one slice of the pixels and leaves a partial sum; a second launch
// adds them up. So does the bias gradient, the sum of what is loaded here anyway.
//
// A thread holds TO outputs x TC quads of columns and takes four pixels at a time: on SwiftShader every turn of a loop
// costs as much as several multiplications with each accumulator. The source is padded already, so a column is an
// offset that is the same for every pixel.
//   QUADS: the group's channels come in whole quads, so a quad of columns is one vec4 of the source.
//   MATRICES: the four pixels are one product of a 4 x 4 matrix, as in `matmul-tiled.wgsl`.
//   LANES: subgroups are four lanes wide and share their outputs: each lane loads a quarter of them and broadcasts.
#if LANES
enable subgroups;
#end

struct Params {
  // Pixels of the output gradient, of images of height x width; a slice has `slice` of them, a multiple of 4.
  pixels: u32, slice: u32, height: u32, width: u32,
  sourceHeight: u32, sourceWidth: u32,
  // Numbers per pixel; channels, outputs and columns (taps * channels) are those of one group.
  sourcePitch: u32, pitch: u32, channels: u32, outputs: u32, columns: u32,
  kernelWidth: u32, strideY: u32, strideX: u32, dilationY: u32, dilationX: u32,
  // Workgroups along the outputs of one group.
  tiles: u32,
}

// Where a column's number lies, seen from the first pixel of a window.
fn offsetOf(column: u32) -> u32 {
  let inside = min(column, params.columns - 1u);
  let tap = inside / params.channels;
  let y = tap / params.kernelWidth * params.dilationY;
  let x = tap % params.kernelWidth * params.dilationX;
  return (y * params.sourceWidth + x) * params.sourcePitch + inside % params.channels;
}

// Where the window of an output pixel begins in the source.
fn originOf(pixel: u32) -> u32 {
  let inside = min(pixel, params.pixels - 1u);
  let line = inside / params.width;
  let x = (inside - line * params.width) * params.strideX;
  let n = line / params.height;
  let y = (line - n * params.height) * params.strideY;
  return ((n * params.sourceHeight + y) * params.sourceWidth + x) * params.sourcePitch;
}

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(workgroup_id) tile: vec3<u32>,
#if LANES
  @builtin(subgroup_invocation_id) lane: u32,
#end
) {
  let p = params;
  let group = tile.y / p.tiles;
  let output0 = (tile.y % p.tiles * ${WY}u + local.y) * ${TO}u;
  let quad0 = tile.x * ${WX * TC}u + local.x;
#for t in 0..TC
#if QUADS
  let o${t} = offsetOf((quad0 + ${t * WX}u) * 4u) + group * p.channels;
#else
#for q in 0..4
  let o${t}_${q} = offsetOf((quad0 + ${t * WX}u) * 4u + ${q}u) + group * p.channels;
#end
#end
#end
#for i in 0..LOADS
#if LANES
  let g${i} = group * p.outputs + min(output0 + ${i * 4}u + lane, p.outputs - 1u);
#else
  let g${i} = group * p.outputs + min(output0 + ${i}u, p.outputs - 1u);
#end
  var sum${i} = 0.0;
#end
#for i in 0..TO
#for t in 0..TC
  var c${i}_${t} = vec4f();
#end
#end

  let begin = tile.z * p.slice;
  let end = min(begin + p.slice, p.pixels);
  for (var pixel = begin; pixel < end; pixel += 4u) {
#if LANES
    let origins = originOf(pixel + lane);
#end
#for q in 0..4
#if LANES
    let r${q} = quadBroadcast(origins, ${q}u);
#else
    let r${q} = originOf(pixel + ${q}u);
#end
#if q == 0
    let isInside${q} = true;
#else
    let isInside${q} = pixel + ${q}u < end;
#end
    let at${q} = (pixel + ${q}u) * p.pitch;
#for i in 0..LOADS
    let l${q}_${i} = select(0.0, gradient[at${q} + g${i}], isInside${q});
#if BIAS
    sum${i} += l${q}_${i};
#end
#end
#for t in 0..TC
#if QUADS
    let s${q}_${t} = source[(r${q} + o${t}) / 4u];
#else
    let s${q}_${t} = vec4f(source[r${q} + o${t}_0], source[r${q} + o${t}_1], source[r${q} + o${t}_2], source[r${q} + o${t}_3]);
#end
#end
#for i in 0..TO
#if LANES
    let a${q}_${i} = quadBroadcast(l${q}_${i / 4}, ${i % 4}u);
#else
    let a${q}_${i} = l${q}_${i};
#end
#if !MATRICES
#for t in 0..TC
    c${i}_${t} = fma(vec4f(a${q}_${i}), s${q}_${t}, c${i}_${t});
#end
#end
#end
#end
#if MATRICES
#for t in 0..TC
    let s${t} = mat4x4f(s0_${t}, s1_${t}, s2_${t}, s3_${t});
#end
#for i in 0..TO
    let a${i} = vec4f(a0_${i}, a1_${i}, a2_${i}, a3_${i});
#for t in 0..TC
    c${i}_${t} += s${t} * a${i};
#end
#end
#end
  }

  let quads = (p.columns + 3u) / 4u;
  let first = tile.z * p.pitch + group * p.outputs + output0;
  var values: array<vec4f, ${TO * TC}>;
#for i in 0..TO
#for t in 0..TC
  values[${i * TC + t}] = c${i}_${t};
#end
#end
  for (var i = 0u; i < ${TO}u; i++) {
#for t in 0..TC
    if (output0 + i < p.outputs && quad0 + ${t * WX}u < quads) {
      partials[(first + i) * quads + quad0 + ${t * WX}u] = values[i * ${TC}u + ${t}u];
    }
#end
  }
#if BIAS
  if (tile.x == 0u) {
#for i in 0..LOADS
#if LANES
    if (output0 + ${i * 4}u + lane < p.outputs) { biasPartials[first + ${i * 4}u + lane] = sum${i}; }
#else
    if (local.x == 0u && output0 + ${i}u < p.outputs) { biasPartials[first + ${i}u] = sum${i}; }
#end
#end
  }
#end
}
