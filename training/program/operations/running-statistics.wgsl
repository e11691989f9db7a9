// Moves the running mean and variance towards those of the batch; one thread per channel.
struct Params { channels: u32, momentum: f32, unbiased: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= params.channels) { return; }
  runningMean[c] += params.momentum * (mean[c] - runningMean[c]);
  runningVariance[c] += params.momentum * (params.unbiased * variance[c] - runningVariance[c]);
}
