// joint = [W b] of a parameter arena (gradients, CLIPPED where they are, or momentum), padding zero.
struct Params { count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let at = parameterOf(layers[blocks[i / 64u]], i);
  var value = 0.0;
#if CLIPPED
  if (at != nowhere) { value = clip[0] * source[at]; }
#else
  if (at != nowhere) { value = source[at]; }
#end
  joint[i] = value;
}
