// Householder reflections that bring the rows of a matrix to lower triangular form (Golub and Van Loan, section 5.2, on
// columns stored as rows). Row k keeps what its reflection v was made from: v is row k from number k on, with heads[k].x
// in the place of number k; the reflection is I - heads[k].y v v^T. One workgroup per matrix, rows shared out among its
// threads; `first` and `last` bound the reflections of this launch.
struct Params { n: u32, first: u32, last: u32 }

const T = ${T}u;

// Four numbers of row k from quad q on, those before number k left out.
fn tail(base: u32, k: u32, q: u32) -> vec4f {
  let number = 4u * q + vec4u(0u, 1u, 2u, 3u);
  return select(vec4f(), rows[base + k * (params.n / 4u) + q], number >= vec4u(k));
}

@compute @workgroup_size(${T})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let quads = params.n / 4u;
  let base = group.x * params.n * quads;
  if (params.first == 0u) {
    // The length of a row changes nothing but the risk of losing its square.
    for (var j = lane; j < params.n; j += T) {
      var largest = vec4f();
      for (var q = 0u; q < quads; q++) { largest = max(largest, abs(rows[base + j * quads + q])); }
      let size = max(max(largest.x, largest.y), max(largest.z, largest.w));
      if (size < 1e-35) { continue; }
      for (var q = 0u; q < quads; q++) { rows[base + j * quads + q] /= size; }
    }
    storageBarrier();
  }
  for (var k = params.first; k < params.last; k++) {
    var square = 0.0;
    for (var q = k / 4u; q < quads; q++) {
      let x = tail(base, k, q);
      square += dot(x, x);
    }
    let own = rows[base + k * quads + k / 4u][k % 4u];
    let norm = sqrt(square);
    let head = own + select(-norm, norm, own >= 0.0);
    // 2 / v^T v
    let factor = select(0.0, 1.0 / (square + norm * abs(own)), square > 1e-30);
    if (lane == 0u) { heads[group.x * params.n + k] = vec2f(head, factor); }
    for (var j = k + 1u + lane; j < params.n; j += T) {
      var along = (head - own) * rows[base + j * quads + k / 4u][k % 4u];
      for (var q = k / 4u; q < quads; q++) { along += dot(tail(base, k, q), rows[base + j * quads + q]); }
      let step = factor * along;
      for (var q = k / 4u; q < quads; q++) { rows[base + j * quads + q] -= step * tail(base, k, q); }
      rows[base + j * quads + k / 4u][k % 4u] -= step * (head - own);
    }
    storageBarrier();
  }
}
