// A weight from PyTorch's layout [outputs, channels of a group, taps] to the one that the product reads:
//   forward    [group][tap][channel][columns], columns being the outputs of the group and zeros up to whole tiles;
//   GRADIENT   [group][tap][output][columns], columns being the channels of the group and zeros.
struct Params { taps: u32, channels: u32, outputs: u32, columns: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let column = i % params.columns;
#if GRADIENT
  let rows = params.outputs;
  let channel = column;
  let output = i / params.columns % rows;
#else
  let rows = params.channels;
  let channel = i / params.columns % rows;
  let output = column;
#end
  let tap = i / params.columns / rows % params.taps;
  let group = i / params.columns / rows / params.taps;
  let isInside = channel < params.channels && output < params.outputs;
  let origin = ((group * params.outputs + output) * params.channels + channel) * params.taps + tap;
  arranged[i] = select(0.0, weight[select(0u, origin, isInside)], isInside);
}
