// Q^T = ... H_1 H_0 for reflections `first` to `last`, four columns of Q^T per thread: columns never meet. The pass
// that applies one reflection multiplies with the next.
struct Params { n: u32, first: u32, last: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let quads = params.n / 4u;
  if (id.x >= quads) { return; }
  let base = id.y * params.n * quads;
  if (params.first == 0u) {
    for (var j = 0u; j < params.n; j++) {
      vectors[base + j * quads + id.x] = select(vec4f(), vec4f(1.0), 4u * id.x + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(j));
    }
  }
  var product = vec4f();
  for (var k = params.first; k <= params.last; k++) {
    let now = base + min(k, params.last - 1u) * quads;
    let before = base + (max(k, params.first + 1u) - 1u) * quads;
    let factor = -2.0 * product;
    product = vec4f();
    for (var r = k / 4u; r < quads; r++) {
      let u = M[before + r];
      let v = M[now + r];
      let at = base + 4u * r * quads + id.x;
#for i in 0..4
      let z${i} = fma(factor, vec4f(u.${lane(i)}), vectors[at + ${i}u * quads]);
      product = fma(vec4f(v.${lane(i)}), z${i}, product);
#end
#for i in 0..4
      vectors[at + ${i}u * quads] = z${i};
#end
    }
  }
}
