// Zeroes the fresh factors and the counter of rounds before a loop adds to them.
struct Params { quads: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i == 0u) { round[0] = 0u; }
  if (i < params.quads) { fresh[i] = vec4f(); }
}
