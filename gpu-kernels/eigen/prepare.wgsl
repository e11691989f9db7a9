// Brings every matrix to magnitudes below 1 by a power of two, so that no square under- or overflows, and says which
// matrices are not finite; those become zero. scales[b] turns eigenvalues back. One workgroup per matrix.
struct Params { n: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let count = params.n * params.n / 4u;
  let base = group.x * count;
  // By the bits of magnitudes, which order as unsigned numbers, infinity and NaN on top.
  var own = vec4<u32>();
  for (var i = lane; i < count; i += T) { own = max(own, bitcast<vec4<u32>>(M[base + i]) & vec4<u32>(0x7fffffffu)); }
  let top = largest(max(max(own.x, own.y), max(own.z, own.w)), lane);
  let finite = top < 0x7f800000u;
  let exponent = u32(clamp(253 - i32(top >> 23u), 1, 252));
  let usable = finite && top >= 0x00800000u;
  let scale = bitcast<f32>(exponent << 23u);
  for (var i = lane; i < count; i += T) { M[base + i] = select(vec4f(), M[base + i] * scale, usable); }
  for (var i = lane; i < params.n / 4u; i += T) { W[group.x * params.n / 4u + i] = vec4f(); }
  if (lane == 0u) {
    scales[group.x] = bitcast<f32>((254u - exponent) << 23u);
    status[group.x] = select(1u, 0u, finite);
  }
}
