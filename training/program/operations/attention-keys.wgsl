// The key and value half of attention's gradient, one thread per ${TILE} keys of one head:
//   dk_j = sum_i dS_ij q_i      dv_j = sum_i P_ij do_i
alias T = ${TYPE};
struct Params { n: u32, length: u32, heads: u32, row: u32, scale: f32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = params;
  let tiles = (p.length + ${TILE - 1}u) / ${TILE}u;
  if (id.x >= p.n * p.heads * tiles) { return; }
  let firstKey = id.x % tiles * ${TILE}u;
  let head = id.x / tiles;
  let first = head / p.heads * p.length * p.row + head % p.heads * ${WIDTH}u;
  let scores = head * p.length * p.length;
#for u in 0..TILE
  let j${u} = min(firstKey + ${u}u, p.length - 1u);
#for d in 0..WIDTH
  var dk${u}_${d} = T();
  var dv${u}_${d} = T();
#end
#end
  for (var i = 0u; i < p.length; i++) {
    let other = first + i * p.row;
    let row = scores + i * p.length;
#for d in 0..WIDTH
    let q_${d} = q[other + ${d}u];
    let g_${d} = dout[other + ${d}u];
#end
#for u in 0..TILE
    let ds${u} = T(dscores[row + j${u}]);
    let pr${u} = T(probabilities[row + j${u}]);
#for d in 0..WIDTH
    dk${u}_${d} += ds${u} * q_${d};
    dv${u}_${d} += pr${u} * g_${d};
#end
#end
  }
#for u in 0..TILE
  if (firstKey + ${u}u < p.length) {
    let mine = first + j${u} * p.row;
#for d in 0..WIDTH
    dk[mine + ${d}u] = dk${u}_${d};
    dv[mine + ${d}u] = dv${u}_${d};
#end
  }
#end
}
