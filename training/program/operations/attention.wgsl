// Multi-head softmax attention; heads are slices of the feature axis. One thread serves ${TILE} queries of one head, so
// that each key and value it loads is used for all of them.
//   forward   P[n,h,i,j] = softmax_j(scale * q_i . k_j);  o_i = sum_j P_ij v_j
//   BACKWARD  dP_ij = do_i . v_j;  dS_ij = P_ij (dP_ij - do_i . o_i) scale;  dq_i = sum_j dS_ij k_j
// (do_i . o_i is sum_j P_ij dP_ij.)
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
  let tiles = (p.length + ${TILE - 1}u) / ${TILE}u;
  if (id.x >= p.n * p.heads * tiles) { return; }
  let firstQuery = id.x % tiles * ${TILE}u;
  let head = id.x / tiles;
  let first = head / p.heads * p.length * p.row + head % p.heads * ${WIDTH}u;
  let scores = head * p.length * p.length;
#for u in 0..TILE
  // Queries beyond the end repeat the last one; what they compute is not stored.
  let i${u} = min(firstQuery + ${u}u, p.length - 1u);
  let at${u} = first + i${u} * p.row;
  let row${u} = scores + i${u} * p.length;
#for d in 0..WIDTH
#if BACKWARD
  let g${u}_${d} = dout[at${u} + ${d}u];
  var dq${u}_${d} = T();
#else
  let q${u}_${d} = q[at${u} + ${d}u];
  var o${u}_${d} = T();
#end
#end
#if BACKWARD
  var weighted${u} = 0.0;
#for d in 0..WIDTH
  weighted${u} += inner(g${u}_${d}, result[at${u} + ${d}u]);
#end
#else
  var most${u} = -3.0e38;
  var total${u} = 0.0;
#end
#end
#if BACKWARD
  for (var j = 0u; j < p.length; j++) {
    let other = first + j * p.row;
#for d in 0..WIDTH
    let k_${d} = k[other + ${d}u];
    let v_${d} = v[other + ${d}u];
#end
#for u in 0..TILE
    var dp${u} = 0.0;
#for d in 0..WIDTH
    dp${u} += inner(g${u}_${d}, v_${d});
#end
    let ds${u} = probabilities[row${u} + j] * (dp${u} - weighted${u}) * p.scale;
    if (firstQuery + ${u}u < p.length) { dscores[row${u} + j] = ds${u}; }
#for d in 0..WIDTH
    dq${u}_${d} += T(ds${u}) * k_${d};
#end
#end
  }
#for u in 0..TILE
  if (firstQuery + ${u}u < p.length) {
#for d in 0..WIDTH
    dq[at${u} + ${d}u] = dq${u}_${d};
#end
  }
#end
#else
  // First the maximum and the sum of exponentials, in one pass; then the probabilities and what they average.
  for (var j = 0u; j < p.length; j++) {
    let other = first + j * p.row;
#for d in 0..WIDTH
    let k_${d} = k[other + ${d}u];
#end
#for u in 0..TILE
    var s${u} = 0.0;
#for d in 0..WIDTH
    s${u} += inner(q${u}_${d}, k_${d});
#end
#if CAUSAL
    s${u} = select(-3.0e38, s${u} * p.scale, j <= i${u});
#else
    s${u} *= p.scale;
#end
    let higher${u} = max(most${u}, s${u});
    total${u} = total${u} * exp(most${u} - higher${u}) + exp(s${u} - higher${u});
    most${u} = higher${u};
#end
  }
#for u in 0..TILE
  let normal${u} = 1.0 / total${u};
#end
  for (var j = 0u; j < p.length; j++) {
    let other = first + j * p.row;
#for d in 0..WIDTH
    let k_${d} = k[other + ${d}u];
    let v_${d} = v[other + ${d}u];
#end
#for u in 0..TILE
    var s${u} = 0.0;
#for d in 0..WIDTH
    s${u} += inner(q${u}_${d}, k_${d});
#end
    var pr${u} = exp(s${u} * p.scale - most${u}) * normal${u};
#if CAUSAL
    pr${u} = select(0.0, pr${u}, j <= i${u});
#end
    if (firstQuery + ${u}u < p.length) { probabilities[row${u} + j] = pr${u}; }
#for d in 0..WIDTH
    o${u}_${d} += T(pr${u}) * v_${d};
#end
#end
  }
#for u in 0..TILE
  if (firstQuery + ${u}u < p.length) {
#for d in 0..WIDTH
    result_set(at${u} + ${d}u, o${u}_${d});
#end
  }
#end
#end
}
