// sums[matrix * widest + row] = sum of the sizes of a row's numbers. One thread per row; rows beyond the side are 0.
struct Matrix { offset: u32, size: u32, padded: u32, partner: u32 }
struct Params { widest: u32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.widest) { return; }
  let m = matrices[id.y];
  var sum = 0.0;
  if (id.x < m.size) {
    for (var j = 0u; j < m.size; j++) { sum += abs(next[m.offset + id.x * m.padded + j]); }
  }
  sums[id.y * params.widest + id.x] = sum;
}
