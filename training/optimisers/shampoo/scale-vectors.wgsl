// Row j of Q^T times the root of (l_j + epsilon l_max)^-power, so that the product of the result's transpose with itself
// is (A + epsilon l_max)^-power. Eigenvalues that came out negative count as 0; a matrix of zeros becomes the identity.
// power is 1/4, or 1/2 with HALF. One thread per row.
struct Params { n: u32, epsilon: f32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.n) { return; }
  let base = id.y * params.n;
  var largest = 0.0;
  for (var j = 0u; j < params.n; j++) { largest = max(largest, values[base + j]); }
  var scale = 1.0;
  if (largest > 0.0) {
    scale = inverseSqrt(sqrt(max(values[base + id.x], 0.0) + params.epsilon * largest));
#if HALF
#else
    scale = sqrt(scale);
#end
  }
  let quads = params.n / 4u;
  for (var q = 0u; q < quads; q++) { vectors[(base + id.x) * quads + q] *= scale; }
}
