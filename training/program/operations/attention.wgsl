// Multi-head softmax attention, one thread per (example, head, query); heads are slices of the feature axis.
//   forward   P[n,h,i,j] = softmax_j(scale * q_i . k_j);  o_i = sum_j P_ij v_j
//   BACKWARD  dP_ij = do_i . v_j;  dS_ij = P_ij (dP_ij - sum_j P_ij dP_ij) scale;  dq_i = sum_j dS_ij k_j
alias T = ${TYPE};
struct Params { n: u32, length: u32, heads: u32, row: u32, scale: f32 }

fn inner(a: T, b: T) -> f32 {
#if QUADS
  return dot(a, b);
#else
  return a * b;
#end
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let p = params;
  if (id.x >= p.n * p.heads * p.length) { return; }
  let i = id.x % p.length;
  let h = id.x / p.length % p.heads;
  let n = id.x / (p.length * p.heads);
  let first = n * p.length * p.row + h * ${WIDTH}u;
  let mine = first + i * p.row;
  let scores = id.x * p.length;
#if CAUSAL
  let last = i + 1u;
#else
  let last = p.length;
#end
#if BACKWARD
#for d in 0..WIDTH
  let g${d} = dout[mine + ${d}u];
  var dq${d} = T();
#end
  var weighted = 0.0;
  for (var j = 0u; j < last; j++) {
    let other = first + j * p.row;
    var dp = 0.0;
#for d in 0..WIDTH
    dp += inner(g${d}, v[other + ${d}u]);
#end
    dscores[scores + j] = dp;
    weighted += dp * probabilities[scores + j];
  }
  for (var j = 0u; j < last; j++) {
    let other = first + j * p.row;
    let ds = probabilities[scores + j] * (dscores[scores + j] - weighted) * p.scale;
    dscores[scores + j] = ds;
#for d in 0..WIDTH
    dq${d} += T(ds) * k[other + ${d}u];
#end
  }
  for (var j = last; j < p.length; j++) { dscores[scores + j] = 0.0; }
#for d in 0..WIDTH
  dq[mine + ${d}u] = dq${d};
#end
#else
#for d in 0..WIDTH
  let q${d} = q[mine + ${d}u];
  var o${d} = T();
#end
  var most = -3.4e38;
  for (var j = 0u; j < last; j++) {
    let other = first + j * p.row;
    var s = 0.0;
#for d in 0..WIDTH
    s += inner(q${d}, k[other + ${d}u]);
#end
    s *= p.scale;
    probabilities[scores + j] = s;
    most = max(most, s);
  }
  var total = 0.0;
  for (var j = 0u; j < last; j++) {
    let other = first + j * p.row;
    let e = exp(probabilities[scores + j] - most);
    probabilities[scores + j] = e;
    total += e;
#for d in 0..WIDTH
    o${d} += T(e) * v[other + ${d}u];
#end
  }
  let normal = 1.0 / total;
  for (var j = 0u; j < last; j++) { probabilities[scores + j] *= normal; }
  for (var j = last; j < p.length; j++) { probabilities[scores + j] = 0.0; }
#for d in 0..WIDTH
  result[mine + ${d}u] = o${d} * T(normal);
#end
#end
}
