// A convolution as a matrix product that never writes its patches down: rows are pixels of the result, the inner
// dimension runs over (kernel row, kernel column, channel), and a row's source is its first pixel plus an offset that is
// the same for all rows. The source is padded already: masks in here would cost more than the copy.
//
//   forward    result y reads source y * stride + kh * dilation
//   GRADIENT   result y reads source margin + (y + padding - kh * dilation) / stride where that is whole. A workgroup
//              makes one phase of the stride, so that taps which do not divide are left out for all of it at once.
//
// A thread holds TM pixels x TN outputs. The weight is [group][tap][channel][columns], the columns being the group's
// outputs and zeros up to whole tiles.
//   LANES: subgroups are four lanes wide and share their rows: each lane loads a quarter of them and broadcasts.
#if LANES
enable subgroups;
#end

struct Params {
  // Rows are pixels of images of partHeight x partWidth: the whole result, or what one phase makes of it.
  rows: u32, partHeight: u32, partWidth: u32,
  height: u32, width: u32, sourceHeight: u32, sourceWidth: u32,
  // Numbers per pixel; channels, outputs and columns are those of one group.
  sourcePitch: u32, pitch: u32, channels: u32, outputs: u32, columns: u32,
  kernelHeight: i32, kernelWidth: i32, strideY: i32, strideX: i32, dilationY: i32, dilationX: i32,
  paddingY: i32, paddingX: i32, marginY: i32, marginX: i32,
}

@compute @workgroup_size(${WX}, ${WY})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(workgroup_id) tile: vec3<u32>,
#if LANES
  @builtin(subgroup_invocation_id) lane: u32,
#end
) {
  let p = params;
#if GRADIENT
  let phase = i32(tile.z) % (p.strideY * p.strideX);
  let phaseY = phase / p.strideX;
  let phaseX = phase % p.strideX;
  let group = tile.z / u32(p.strideY * p.strideX);
  let stepY = 1u;
  let stepX = 1u;
#else
  let group = tile.z;
  let stepY = u32(p.strideY);
  let stepX = u32(p.strideX);
#end
  let row0 = id.y * ${TM}u;
  let column0 = id.x * ${TN}u;
#for i in 0..LOADS
#if LANES
  let r${i} = min(row0 + ${i * 4}u + lane, p.rows - 1u);
#else
  let r${i} = min(row0 + ${i}u, p.rows - 1u);
#end
  let y${i} = r${i} / p.partWidth % p.partHeight;
  let n${i} = r${i} / p.partWidth / p.partHeight;
  let pixel${i} = (n${i} * p.sourceHeight + y${i} * stepY) * p.sourceWidth + r${i} % p.partWidth * stepX;
  let origin${i} = pixel${i} * p.sourcePitch + group * p.channels;
#end
#for i in 0..TM
#for j in 0..TN / 4
  var c${i}_${j} = vec4f();
#end
#end

  for (var kh = 0; kh < p.kernelHeight; kh++) {
#if GRADIENT
    let reachY = phaseY + p.paddingY - kh * p.dilationY;
    if (reachY % p.strideY != 0) { continue; }
    let tapY = p.marginY + reachY / p.strideY;
#else
    let tapY = kh * p.dilationY;
#end
    for (var kw = 0; kw < p.kernelWidth; kw++) {
#if GRADIENT
      let reachX = phaseX + p.paddingX - kw * p.dilationX;
      if (reachX % p.strideX != 0) { continue; }
      let tapX = p.marginX + reachX / p.strideX;
#else
      let tapX = kw * p.dilationX;
#end
      let shift = (u32(tapY) * p.sourceWidth + u32(tapX)) * p.sourcePitch;
      let tap = u32(kh * p.kernelWidth + kw);
      let weights = (group * u32(p.kernelHeight * p.kernelWidth) + tap) * p.channels * p.columns + column0;
      for (var k = 0u; k < p.channels; k++) {
#for i in 0..LOADS
        let s${i} = source[origin${i} + shift + k];
#end
#for j in 0..TN / 4
        let w${j} = weight[(weights + k * p.columns) / 4u + ${j}u];
#end
#for i in 0..TM
#if LANES
        let a${i} = vec4f(quadBroadcast(s${i / 4}, ${i % 4}u));
#else
        let a${i} = vec4f(s${i});
#end
#for j in 0..TN / 4
        c${i}_${j} = fma(a${i}, w${j}, c${i}_${j});
#end
#end
      }
    }
  }

  let first = group * p.outputs + column0;
#for j in 0..TN / 4
  var bias${j} = vec4f();
#if BIAS
#for q in 0..4
  if (column0 + ${j * 4 + q}u < p.outputs) { bias${j}.${lane(q)} = bias[first + ${j * 4 + q}u]; }
#end
#end
#end
#for i in 0..TM
  if (row0 + ${i}u < p.rows) {
#if GRADIENT
    let r = row0 + ${i}u;
    let y = r / p.partWidth % p.partHeight * u32(p.strideY) + u32(phaseY);
    let x = r % p.partWidth * u32(p.strideX) + u32(phaseX);
    let isInside = y < p.height && x < p.width;
    let at = ((r / p.partWidth / p.partHeight * p.height + y) * p.width + x) * p.pitch + first;
#else
    let isInside = true;
    let at = (row0 + ${i}u) * p.pitch + first;
#end
#for j in 0..TN / 4
#if UNIT == 4
    if (isInside && column0 + ${j * 4}u < p.outputs) { result_set(at / 4u + ${j}u, c${i}_${j} + bias${j}); }
#else
#for q in 0..4
    if (isInside && column0 + ${j * 4 + q}u < p.outputs) {
      result_set(at + ${j * 4 + q}u, c${i}_${j}.${lane(q)} + bias${j}.${lane(q)});
    }
#end
#end
#end
  }
#end
}
