// result[n, l] = stream[starts[n] + SHIFT + l]; one thread per token.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) { return; }
  result[i] = stream[starts[i / ${LENGTH}u] + ${SHIFT}u + i % ${LENGTH}u];
}
