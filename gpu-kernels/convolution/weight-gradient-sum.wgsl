// Adds up the partial sums of the weight's gradient, in a fixed order, and writes them in PyTorch's layout [outputs,
// channels of a group, kernel height, kernel width]; the last column of each output is the bias gradient.
struct Params { slices: u32, outputs: u32, channels: u32, taps: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let columns = params.taps * params.channels;
  let output = i / (columns + 1u);
  let column = i % (columns + 1u);
#if BIAS
#else
  if (column == columns) { return; }
#end
  var sum = 0.0;
  for (var slice = 0u; slice < params.slices; slice++) { sum += partials[slice * params.count + i]; }
  if (column < columns) {
    weight[output * columns + column % params.channels * params.taps + column / params.channels] = sum;
  }
#if BIAS
  if (column == columns) { bias[output] = sum; }
#end
}
