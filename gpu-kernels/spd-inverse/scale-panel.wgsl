// Multiplies block column k, in all block rows but k, by D^T of the diagonal block from the right: below it the
// columns of L become final, above it the rows of the inverse factor. One thread owns ROWS whole rows of 32 numbers;
// because D^T is upper triangular, going from the last quad to the first needs no copy of the old row.
//   SKIP: matrices whose `skip` is not 0 are left alone.

struct Params { n: u32, k: u32 }

@compute @workgroup_size(${32 / ROWS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
#if SKIP
  if (skip[group.z] != 0u) { return; }
#end
  let quads = params.n / 4u;
  let blockRow = select(group.x, group.x + 1u, group.x >= params.k);
  let column = group.z * params.n * quads + params.k * 8u;
  let diagonal = column + params.k * 32u * quads;
#for r in 0..ROWS
  let row${r} = column + (blockRow * 32u + local.x * ${ROWS}u + ${r}u) * quads;
#end
  for (var left = 8u; left > 0u; left--) {
    let q = left - 1u;
#for r in 0..ROWS
    var sum${r} = vec4f();
#end
    for (var s = 0u; s <= q; s++) {
#for r in 0..ROWS
      let old${r} = M[row${r} + s];
#end
#for c in 0..4
      let d${c} = M[diagonal + (s * 4u + ${c}u) * quads + q];
#for r in 0..ROWS
      sum${r} = fma(vec4f(old${r}.${lane(c)}), d${c}, sum${r});
#end
#end
    }
#for r in 0..ROWS
    M[row${r} + q] = sum${r};
#end
  }
}
