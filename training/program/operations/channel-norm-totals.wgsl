// Adds up the parts of `channel-norm-sums.wgsl`.
//   GROUPS  one thread per (outer, group): means[outer, 0, channel] = mean of h = dy * gain over the group's numbers, and
//           means[outer, 1, channel] = mean of h * xhat, for every channel of the group
//   else    one thread per channel: gradients of gain and shift
struct Params { outer: u32, rows: u32, channels: u32, slices: u32, groups: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
#if GROUPS
  if (i >= params.outer * params.groups) { return; }
  let o = i / params.groups;
  let length = params.channels / params.groups;
  let begin = (i % params.groups) * length;
  var sumH = 0.0;
  var sumHX = 0.0;
  for (var c = begin; c < begin + length; c++) {
    var sum = 0.0;
    var sumX = 0.0;
    for (var slice = 0u; slice < params.slices; slice++) {
      let part = 2u * (o * params.slices + slice) * params.channels + c;
      sumX += parts[part];
      sum += parts[part + params.channels];
    }
    sumH = fma(gain[c], sum, sumH);
    sumHX = fma(gain[c], sumX, sumHX);
  }
  let count = f32(length * params.rows);
  for (var c = begin; c < begin + length; c++) {
    means[2u * o * params.channels + c] = sumH / count;
    means[(2u * o + 1u) * params.channels + c] = sumHX / count;
  }
#else
  if (i >= params.channels) { return; }
  var gainSum = 0.0;
  var shiftSum = 0.0;
  for (var part = 0u; part < params.outer * params.slices; part++) {
    gainSum += parts[2u * part * params.channels + i];
    shiftSum += parts[(2u * part + 1u) * params.channels + i];
  }
  gain[i] = gainSum;
  shift[i] = shiftSum;
#end
}
