// sums[z] = sum over examples of slice z of (sum over positions r of g_r a_r^T)^2, element by element: squares of true
// gradients of single examples, which are never written down. g [.., rows], a [.., columns] in whole vec4s; RAGGED: the
// rows of example n are offsets[n] to offsets[n + 1] - 1. One thread makes 4 x 4 numbers.
struct Params { examples: u32, positions: u32, rowQuads: u32, columnQuads: u32, slices: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rowQuads * params.columnQuads) { return; }
  let i = id.x / params.columnQuads;
  let j = id.x % params.columnQuads;
  let share = (params.examples + params.slices - 1u) / params.slices;
#for k in 0..4
  var square${k} = vec4f();
#end
  for (var n = id.y * share; n < min((id.y + 1u) * share, params.examples); n++) {
#if RAGGED
    let first = offsets[n];
    let last = offsets[n + 1u];
#else
    let first = n * params.positions;
    let last = first + params.positions;
#end
#for k in 0..4
    var sum${k} = vec4f();
#end
    for (var r = first; r < last; r++) {
      let g = G[r * params.rowQuads + i];
      let a = A[r * params.columnQuads + j];
#for k in 0..4
      sum${k} = fma(vec4f(g.${lane(k)}), a, sum${k});
#end
    }
#for k in 0..4
    square${k} = fma(sum${k}, sum${k}, square${k});
#end
  }
  let base = (id.y * params.rowQuads * 4u + i * 4u) * params.columnQuads + j;
#for k in 0..4
  sums[base + ${k}u * params.columnQuads] = square${k};
#end
}
