// What G (x) A + lambda I divides by in its eigenbasis.
struct Params { count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  turned[i] /= max(scales[i] + amounts[blocks[i / 64u]].z, 1e-36);
}
