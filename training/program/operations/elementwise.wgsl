// One thread makes one value of the output, a number or a vec4; what it computes is generated.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) { return; }
  result_set(i, value_at(i));
}
