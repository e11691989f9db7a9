// A weight from PyTorch's layout [outputs, channels of a group, taps] to [group][step][columns], columns being the outputs
// of the product and zeros up to whole tiles. The second half of the table holds where a step's number for column 0
// lies in the weight of a group; steps beyond the last are zero.
struct Params { steps: u32, outputs: u32, columns: u32, table: u32, columnPitch: u32, groupPitch: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let column = i % params.columns;
  let step = i / params.columns % params.steps;
  let group = i / params.columns / params.steps;
  let at = table[params.table + step];
  let isInside = at != 0xffffffffu && column < params.outputs;
  let origin = at + group * params.groupPitch + column * params.columnPitch;
  arranged[i] = select(0.0, weight[select(0u, origin, isInside)], isInside);
}
