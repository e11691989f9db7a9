// Multi-head softmax attention; heads are slices of the feature axis. One thread serves ${TILE} queries of one head, so
// that each key and value it loads is used for all of them. Probabilities are never stored: the backward pass makes them again
// from l_i = log sum_j exp(scale * q_i . k_j), one number a query.
//   forward   P_ij = exp(scale * q_i . k_j - l_i);  o_i = sum_j P_ij v_j
//   BACKWARD  D_i = do_i . o_i (which is sum_j P_ij dP_ij);  dP_ij = do_i . v_j;  dS_ij = P_ij (dP_ij - D_i)
//             dq_i = scale * sum_j dS_ij k_j
// With LANES the four lanes of a subgroup serve one head: each loads a quarter of a key or value and broadcasts.
@compute @workgroup_size(32)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
#if LANES
  @builtin(subgroup_invocation_id) lane: u32,
#end
) {
  let p = params;
#if LANES
  // All lanes take part in broadcasts, those beyond the end on the last head and without storing.
  let tiles = (p.length + ${TILE * 4 - 1}u) / ${TILE * 4}u * 4u;
  let head = min(id.x / tiles, p.n * p.heads - 1u);
  let length = select(0u, p.length, id.x < p.n * p.heads * tiles);
#else
  let tiles = (p.length + ${TILE - 1}u) / ${TILE}u;
  if (id.x >= p.n * p.heads * tiles) { return; }
  let head = id.x / tiles;
  let length = p.length;
#end
  let firstQuery = id.x % tiles * ${TILE}u;
  let first = head / p.heads * p.length * p.row + head % p.heads * ${WIDTH}u;
#for u in 0..TILE
  // Queries beyond the end repeat the last one; what they compute is not stored.
  let i${u} = min(firstQuery + ${u}u, p.length - 1u);
  let at${u} = first + i${u} * p.row;
#for d in 0..WIDTH
  let q${u}_${d} = q[at${u} + ${d}u] * T(p.scale);
#if BACKWARD
  let g${u}_${d} = dout[at${u} + ${d}u];
  var dq${u}_${d} = T();
#else
  var o${u}_${d} = T();
#end
#end
#if BACKWARD
  let log${u} = logarithms[head * p.length + i${u}];
  var mean${u} = 0.0;
#for d in 0..WIDTH
  mean${u} += inner(g${u}_${d}, result[at${u} + ${d}u]);
#end
#else
  var most${u} = -3.0e38;
  var total${u} = 0.0;
#end
#end
#for pass in 0..PASSES
  for (var j = 0u; j < p.length; j++) {
#if LANES
    let other = (first + j * p.row) * 4u + lane;
#for d in 0..WIDTH
    let k_${d} = whole(k[other + ${d * 4}u]);
#if pass == PASSES - 1
    let v_${d} = whole(v[other + ${d * 4}u]);
#end
#end
#else
    let other = first + j * p.row;
#for d in 0..WIDTH
    let k_${d} = k[other + ${d}u];
#if pass == PASSES - 1
    let v_${d} = v[other + ${d}u];
#end
#end
#end
#for u in 0..TILE
    var s${u} = 0.0;
#for d in 0..WIDTH
    s${u} += inner(q${u}_${d}, k_${d});
#end
#if CAUSAL
    s${u} = select(-3.0e38, s${u}, j <= i${u});
#end
#if pass < PASSES - 1
    most${u} = max(most${u}, s${u});
#else
#if BACKWARD
    var dp${u} = 0.0;
#for d in 0..WIDTH
    dp${u} += inner(g${u}_${d}, v_${d});
#end
    let ds${u} = exp(s${u} - log${u}) * (dp${u} - mean${u});
#for d in 0..WIDTH
    dq${u}_${d} += T(ds${u}) * k_${d};
#end
#else
    let e${u} = exp(s${u} - most${u});
    total${u} += e${u};
#for d in 0..WIDTH
    o${u}_${d} += T(e${u}) * v_${d};
#end
#end
#end
#end
  }
#end
#for u in 0..TILE
  if (firstQuery + ${u}u < length) {
#if BACKWARD
    means[head * p.length + i${u}] = mean${u};
#for d in 0..WIDTH
    dq[at${u} + ${d}u] = dq${u}_${d} * T(p.scale);
#end
#else
    logarithms[head * p.length + i${u}] = most${u} + log(total${u});
    let normal${u} = T(1.0 / total${u});
#for d in 0..WIDTH
    result_set(at${u} + ${d}u, o${u}_${d} * normal${u});
#end
#end
  }
#end
}
