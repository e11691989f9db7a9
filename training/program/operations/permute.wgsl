// y = x with its axes in another order; one thread per output value, strides written into the text.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) { return; }
  y_set(i, x_at(${INDEX}));
}
