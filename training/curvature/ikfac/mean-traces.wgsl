// traces[matrix] = (tr K^T F K, tr K^T K, tr F) / side. One thread per matrix.
struct Matrix { offset: u32, size: u32, padded: u32, partner: u32 }
struct Params { count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let m = matrices[id.x];
  var sums = vec4f();
  for (var k = 0u; k < m.size; k++) {
    let at = m.offset + k * (m.padded + 1u);
    sums += vec4f(H[at], S[at], F[at], 0.0);
  }
  traces[id.x] = sums / f32(m.size);
}
