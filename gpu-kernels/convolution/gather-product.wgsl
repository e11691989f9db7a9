// A convolution as a matrix product that never writes its patches down: rows are pixels of the result, the inner
// dimension runs over (kernel row, kernel column, channel). The source is padded already, so that every step of the inner
// dimension is an offset from a row's first pixel that is the same for all rows; a table holds the offsets.
//
//   forward    result y reads source y * stride + kh * dilation
//   GRADIENT   result y reads source margin + (y + padding - kh * dilation) / stride where that is whole. A workgroup
//              makes one phase of the stride; each phase has its own part of the table, with the taps that divide.
//
// A thread holds TM pixels x TN outputs. The weight is [group][step][columns], the columns being the group's outputs and
// zeros up to whole tiles. One loop without branches around it, four steps at a time: on SwiftShader every turn of every
// loop around the accumulators costs as much as several multiplications with each of them.
//   MATRICES: the four steps are one product of a 4 x 4 matrix, as in `matmul-tiled.wgsl`.
//   LOOPED: the tile is stored in a loop, out of an array.
//   LANES: subgroups are four lanes wide and share their rows: each lane loads one of the four steps and broadcasts.
#if LANES
enable subgroups;
#end

struct Params {
  // Rows are pixels of images of partHeight x partWidth: the whole result, or what one phase makes of it.
  rows: u32, partHeight: u32, partWidth: u32,
  height: u32, width: u32, sourceHeight: u32, sourceWidth: u32,
  // Numbers per pixel; channels, outputs and columns are those of one group, and so are the steps of all phases.
  sourcePitch: u32, pitch: u32, channels: u32, outputs: u32, columns: u32, steps: u32,
  // Between pixels of the source, between pixels of a phase, and phases along x and in all.
  stepY: u32, stepX: u32, phaseHeight: u32, phaseWidth: u32,
}

// Where a row's window begins in the source.
fn originOf(row: u32, group: u32) -> u32 {
  let r = min(row, params.rows - 1u);
  let line = r / params.partWidth;
  let x = (r - line * params.partWidth) * params.stepX;
  let n = line / params.partHeight;
  let y = (line - n * params.partHeight) * params.stepY;
  return ((n * params.sourceHeight + y) * params.sourceWidth + x) * params.sourcePitch + group * params.channels;
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
  let phases = p.phaseHeight * p.phaseWidth;
  let phase = tile.z % phases;
  let group = tile.z / phases;
  let row0 = id.y * ${TM}u;
  let column0 = id.x * ${TN}u;
#if LANES
#for i in 0..TM / 4
  let origins${i} = originOf(row0 + ${i * 4}u + lane, group);
#end
#end
#for i in 0..TM
#if LANES
  let r${i} = quadBroadcast(origins${i / 4}, ${i % 4}u);
#else
  let r${i} = originOf(row0 + ${i}u, group);
#end
#for j in 0..TN / 4
  var c${i}_${j} = vec4f();
#end
#end

  // The table begins with the first step of every phase and the end of the last.
  let end = table[phase + 1u];
  let offsets = phases + 1u;
  let quads = p.columns / 4u;
  for (var k = table[phase]; k < end; k += 4u) {
#if LANES
    let at = table[offsets + k + lane];
#for i in 0..TM
    let l${i} = source[r${i} + at];
#end
#else
#for q in 0..4
    let at${q} = table[offsets + k + ${q}u];
#end
#end
    let w = ((group * p.steps + k) * p.columns + column0) / 4u;
#for q in 0..4
#for j in 0..TN / 4
    let w${q}_${j} = weight[w + ${q}u * quads + ${j}u];
#end
#for i in 0..TM
#if LANES
    let a${q}_${i} = quadBroadcast(l${i}, ${q}u);
#else
    let a${q}_${i} = source[r${i} + at${q}];
#end
#if !MATRICES
#for j in 0..TN / 4
    c${i}_${j} = fma(vec4f(a${q}_${i}), w${q}_${j}, c${i}_${j});
#end
#end
#end
#end
#if MATRICES
#for j in 0..TN / 4
    let w${j} = mat4x4f(w0_${j}, w1_${j}, w2_${j}, w3_${j});
#end
#for i in 0..TM
    let a${i} = vec4f(a0_${i}, a1_${i}, a2_${i}, a3_${i});
#for j in 0..TN / 4
    c${i}_${j} += w${j} * a${i};
#end
#end
#end
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
  // Elementwise work that has moved into the stores makes them long, and as many as a tile has take longer to compile than
  // all the rest. But a loop takes the tile out of memory, number by number, which shows after few steps.
#if LOOPED
  var values: array<vec4f, ${TM * TN / 4}>;
#for i in 0..TM
#for j in 0..TN / 4
  values[${i * (TN / 4) + j}] = c${i}_${j} + bias${j};
#end
#end
  for (var i = 0u; i < ${TM}u; i++) {
    storeRow(
      row0 + i, column0, first, phase,
#for j in 0..TN / 4
      values[i * ${TN / 4}u + ${j}u],
#end
    );
  }
#else
#for i in 0..TM
  storeRow(
    row0 + ${i}u, column0, first, phase,
#for j in 0..TN / 4
    c${i}_${j} + bias${j},
#end
  );
#end
#end
}

fn storeRow(
  r: u32, column0: u32, first: u32, phase: u32,
#for j in 0..TN / 4
  value${j}: vec4f,
#end
) {
  let p = params;
#if GRADIENT
  let line = r / p.partWidth;
  let x = (r - line * p.partWidth) * p.phaseWidth + phase % p.phaseWidth;
  let n = line / p.partHeight;
  let y = (line - n * p.partHeight) * p.phaseHeight + phase / p.phaseWidth;
  let isInside = r < p.rows && y < p.height && x < p.width;
  let pixel = ((n * p.height + y) * p.width + x) * p.pitch + first;
#else
  let isInside = r < p.rows;
  let pixel = r * p.pitch + first;
#end
  let outputs = select(0u, p.outputs, isInside);
#for j in 0..TN / 4
#if UNIT == 4
  if (column0 + ${j * 4}u < outputs) { result_set(pixel / 4u + ${j}u, value${j}); }
#else
#for q in 0..4
  if (column0 + ${j * 4 + q}u < outputs) { result_set(pixel + ${j * 4 + q}u, value${j}.${lane(q)}); }
#end
#end
#end
}
