// keys[matrix * widest + j]: what row j of a basis is ranked by, its estimated eigenvalue q . A q with image = V A, or
// eigenvalues[j] with GIVEN. Rows that lie in the padding rank last. One thread per row.
struct Matrix { offset: u32, size: u32, padded: u32, partner: u32 }
struct Params { first: u32, widest: u32, n: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let j = id.x;
  if (j >= params.n) { return; }
  let m = matrices[params.first + id.y];
#if GIVEN
  let row = (id.y * params.n + j) * params.n;
  var key = eigenvalues[id.y * params.n + j];
#else
  let row = m.offset + j * params.n;
  var key = 0.0;
#end
  var padding = 0.0;
  for (var i = 0u; i < params.n; i++) {
    let x = basis[row + i];
#if GIVEN
#else
    key += x * image[row + i];
#end
    if (i >= m.size) { padding += x * x; }
  }
  keys[(params.first + id.y) * params.widest + j] = select(key, -3.0e38, padding > 0.5);
}
