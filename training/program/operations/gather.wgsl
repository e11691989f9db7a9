// result[i, :] = table[rows[i], :]; one thread per value.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) { return; }
  result_set(i, table[rows[i / ${WIDTH}u] * ${WIDTH}u + i % ${WIDTH}u]);
}
