// The weight's gradient as a matrix product over all pixels of the output: rows are outputs, columns are (kernel row,
// kernel column, channel). Each workgroup sums over one slice of the pixel rows and leaves a partial sum; a second launch
// adds them up. The bias gradient, the sum of what is loaded here anyway, is one more column.
//
// A thread holds TO outputs x TC quads of columns. The source is padded already, so a column is an offset that is the
// same for every pixel.
//   QUADS: the group's channels come in whole quads, so a quad of columns is one vec4 of the source.
//   LANES: subgroups are four lanes wide and share their outputs: each lane loads a quarter of them and broadcasts.
#if LANES
enable subgroups;
#end

struct Params {
  // Rows of pixels of the output gradient: N * height; a slice has `slice` of them.
  rows: u32, slice: u32, height: u32, width: u32,
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
  let o${t} = offsetOf((quad0 + ${t * WX}u) * 4u);
#else
#for q in 0..4
  let o${t}_${q} = offsetOf((quad0 + ${t * WX}u) * 4u + ${q}u);
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

  let end = min((tile.z + 1u) * p.slice, p.rows);
  for (var row = tile.z * p.slice; row < end; row++) {
    let sourceRow = row / p.height * p.sourceHeight + row % p.height * p.strideY;
    let origin = sourceRow * p.sourceWidth * p.sourcePitch + group * p.channels;
    for (var x = 0u; x < p.width; x++) {
      let pixel = origin + x * p.strideX * p.sourcePitch;
      let at = (row * p.width + x) * p.pitch;
#for i in 0..LOADS
      let l${i} = gradient[at + g${i}];
#if BIAS
      sum${i} += l${i};
#end
#end
#for t in 0..TC
#if QUADS
      let s${t} = source[(pixel + o${t}) / 4u];
#else
      let s${t} = vec4f(source[pixel + o${t}_0], source[pixel + o${t}_1], source[pixel + o${t}_2], source[pixel + o${t}_3]);
#end
#end
#for i in 0..TO
#if LANES
      let a${i} = vec4f(quadBroadcast(l${i / 4}, ${i % 4}u));
#else
      let a${i} = vec4f(l${i});
#end
#for t in 0..TC
      c${i}_${t} = fma(a${i}, s${t}, c${i}_${t});
#end
#end
    }
  }

  let pitch = p.columns + 1u;
  let first = tile.z * p.pitch + group * p.outputs + output0;
#for i in 0..TO
  if (output0 + ${i}u < p.outputs) {
#for t in 0..TC
#for q in 0..4
    if ((quad0 + ${t * WX}u) * 4u + ${q}u < p.columns) {
      partials[(first + ${i}u) * pitch + (quad0 + ${t * WX}u) * 4u + ${q}u] = c${i}_${t}.${lane(q)};
    }
#end
#end
  }
#end
#if BIAS
  if (tile.x == 0u) {
#for i in 0..LOADS
#if LANES
    if (output0 + ${i * 4}u + lane < p.outputs) { partials[(first + ${i * 4}u + lane) * pitch + p.columns] = sum${i}; }
#else
    if (local.x == 0u && output0 + ${i}u < p.outputs) { partials[(first + ${i}u) * pitch + p.columns] = sum${i}; }
#end
#end
  }
#end
}
