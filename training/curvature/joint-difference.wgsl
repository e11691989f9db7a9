// joint = [W b] after a step minus [W b] before it, padding zero.
struct Params { count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let at = parameterOf(layers[blocks[i / 64u]], i);
  var value = 0.0;
  if (at != nowhere) { value = values[at] - before[at]; }
  joint[i] = value;
}
