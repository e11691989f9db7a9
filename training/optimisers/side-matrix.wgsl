// A square matrix beside a layer's weight: where it lies in an arena, its side without and with padding, and the
// number of the matrix on the layer's other side.
struct Matrix { offset: u32, size: u32, padded: u32, partner: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let index = blocks[i / 64u];
  at_number(i, index, matrices[index]);
}
