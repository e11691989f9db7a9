// Adds up the partial sums of the weight's gradient, [slice][output][columns up to whole quads], in a fixed order, and
// writes them in PyTorch's layout [outputs, channels of a group, kernel height, kernel width]. With them go those of the
// bias gradient, [slice][output].
struct Params { slices: u32, outputs: u32, channels: u32, taps: u32, pitch: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let columns = params.taps * params.channels;
  var sum = 0.0;
#if BIAS
  if (i >= params.outputs * columns) {
    let output = i - params.outputs * columns;
    for (var slice = 0u; slice < params.slices; slice++) { sum += biasPartials[slice * params.outputs + output]; }
    bias[output] = sum;
    return;
  }
#end
  let output = i / columns;
  let column = i % columns;
  for (var slice = 0u; slice < params.slices; slice++) {
    sum += partials[(slice * params.outputs + output) * params.pitch + column];
  }
  weight[output * columns + column % params.channels * params.taps + column / params.channels] = sum;
}
