// The key and value half of attention's gradient, one thread per ${TILE} keys of one head, with P_ij and dS_ij made again
// from what the query half names l_i and D_i:
//   dk_j = scale * sum_i dS_ij q_i      dv_j = sum_i P_ij do_i
// With LANES the four lanes of a subgroup serve one head: each loads a quarter of a query or gradient and broadcasts.
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
  let firstKey = id.x % tiles * ${TILE}u;
  let first = head / p.heads * p.length * p.row + head % p.heads * ${WIDTH}u;
#for u in 0..TILE
  let j${u} = min(firstKey + ${u}u, p.length - 1u);
  let at${u} = first + j${u} * p.row;
#for d in 0..WIDTH
  let k${u}_${d} = k[at${u} + ${d}u] * T(p.scale);
  let v${u}_${d} = v[at${u} + ${d}u];
  var dk${u}_${d} = T();
  var dv${u}_${d} = T();
#end
#end
  for (var i = 0u; i < p.length; i++) {
#if LANES
    let other = (first + i * p.row) * 4u + lane;
#for d in 0..WIDTH
    let q_${d} = whole(q[other + ${d * 4}u]);
    let g_${d} = whole(dout[other + ${d * 4}u]);
#end
#else
    let other = first + i * p.row;
#for d in 0..WIDTH
    let q_${d} = q[other + ${d}u];
    let g_${d} = dout[other + ${d}u];
#end
#end
    let logarithm = logarithms[head * p.length + i];
    let mean = means[head * p.length + i];
#for u in 0..TILE
    var s${u} = 0.0;
    var dp${u} = 0.0;
#for d in 0..WIDTH
    s${u} += inner(q_${d}, k${u}_${d});
    dp${u} += inner(g_${d}, v${u}_${d});
#end
    var pr${u} = exp(s${u} - logarithm);
#if CAUSAL
    pr${u} = select(0.0, pr${u}, j${u} <= i);
#end
    let ds${u} = T(pr${u} * (dp${u} - mean));
#for d in 0..WIDTH
    dk${u}_${d} += ds${u} * q_${d};
    dv${u}_${d} += T(pr${u}) * g_${d};
#end
#end
  }
#for u in 0..TILE
  if (firstKey + ${u}u < length) {
#for d in 0..WIDTH
    dk[at${u} + ${d}u] = dk${u}_${d} * T(p.scale);
    dv[at${u} + ${d}u] = dv${u}_${d};
#end
  }
#end
}
