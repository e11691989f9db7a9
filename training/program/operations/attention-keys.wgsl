// The key and value half of attention's gradient, one thread per (example, head, key):
//   dk_j = sum_i dS_ij q_i      dv_j = sum_i P_ij do_i
alias T = ${TYPE};
struct Params { n: u32, length: u32, heads: u32, row: u32, scale: f32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = params;
  if (id.x >= p.n * p.heads * p.length) { return; }
  let j = id.x % p.length;
  let h = id.x / p.length % p.heads;
  let n = id.x / (p.length * p.heads);
  let first = n * p.length * p.row + h * ${WIDTH}u;
  let column = (id.x - j) * p.length + j;
#for d in 0..WIDTH
  var dk${d} = T();
  var dv${d} = T();
#end
  for (var i = 0u; i < p.length; i++) {
    let other = first + i * p.row;
    let ds = T(dscores[column + i * p.length]);
    let pr = T(probabilities[column + i * p.length]);
#for d in 0..WIDTH
    dk${d} += ds * q[other + ${d}u];
    dv${d} += pr * dout[other + ${d}u];
#end
  }
  let mine = first + j * p.row;
#for d in 0..WIDTH
  dk[mine + ${d}u] = dk${d};
  dv[mine + ${d}u] = dv${d};
#end
}
