// inverse = candidate for every matrix that was accepted. One thread per four numbers.
struct Params { quads: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (accepted[id.y] == 0u) { return; }
  let at = id.y * params.quads + id.x;
  inverse[at] = candidate[at];
}
