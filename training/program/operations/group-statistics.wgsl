// Puts the statistics of slices and of the channels of a group together (Chan, Golub and LeVeque 1979), one thread per
// (outer, group). Mean and biased variance are written for every channel of the group.
struct Params { outer: u32, rows: u32, channels: u32, slices: u32, groups: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.outer * params.groups) { return; }
  let o = i / params.groups;
  let length = params.channels / params.groups;
  let begin = (i % params.groups) * length;
  let step = (params.rows + params.slices - 1u) / params.slices;
  var count = 0.0;
  var total = 0.0;
  var deviations = 0.0;
  for (var slice = 0u; slice < params.slices; slice++) {
    // The last slices may be empty.
    let more = f32(min(slice * step + step, params.rows)) - f32(min(slice * step, params.rows));
    if (more == 0.0) { break; }
    let part = 2u * (o * params.slices + slice) * params.channels + begin;
    for (var c = 0u; c < length; c++) {
      let difference = parts[part + c] - total;
      let weight = more / (count + more);
      total = fma(difference, weight, total);
      deviations += fma(difference * difference, count * weight, parts[part + params.channels + c]);
      count += more;
    }
  }
  for (var c = o * params.channels + begin; c < o * params.channels + begin + length; c++) {
    mean[c] = total;
    variance[c] = deviations / count;
  }
}
