// Turns rows of Q^T by the sweeps of rotations that diagonalise the tridiagonal matrix, part `part` of `parts` of them;
// four columns per thread: columns never meet. Four sweeps run behind one another, each one plane above the one
// before, so that a row is read and written once for all of them.
struct Params { n: u32, groups: u32, part: u32, parts: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let quads = params.n / 4u;
  if (id.x >= quads) { return; }
  let base = id.y * params.n * quads + id.x;
  let count = counts[id.y];
  for (var g = count * params.part / params.parts; g < count * (params.part + 1u) / params.parts; g++) {
    let group = id.y * params.groups + g;
    let low = vec4<i32>(sweeps[2u * group]);
    let high = vec4<i32>(sweeps[2u * group + 1u]);
    let bottom = min(min(low.x, low.y), min(low.z, low.w));
    let top = max(max(high.x, high.y), max(high.z, high.w));
    var held0 = vectors[base + u32(top) * quads];
#for s in 1..4
    var held${s} = vec4f();
#end
    // A sweep that is not at one of its planes passes rows on.
    for (var i = top - 1; i >= bottom - 4; i--) {
      let table = 2u * (group * (params.n + 4u) + u32(i + 4));
      let first = rotations[table];
      let second = rotations[table + 1u];
      let plane = vec4<i32>(i, i + 1, i + 2, i + 3);
      let turns = (plane >= low) & (plane < high);
      let cosines = select(vec4f(1.0), vec4f(first.xz, second.xz), turns);
      let sines = select(vec4f(), vec4f(first.yw, second.yw), turns);
      var row = vectors[base + u32(max(i, 0)) * quads];
#for s in 0..4
      let done${s} = fma(vec4f(cosines.${lane(s)}), held${s}, sines.${lane(s)} * row);
      held${s} = fma(vec4f(cosines.${lane(s)}), row, -sines.${lane(s)} * held${s});
      row = done${s};
#end
      if (i + 4 <= top) { vectors[base + u32(i + 4) * quads] = row; }
    }
  }
}
