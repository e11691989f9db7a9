// copied = source
struct Params { quads: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i < params.quads) { copied[i] = source[i]; }
}
