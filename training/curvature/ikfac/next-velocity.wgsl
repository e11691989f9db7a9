// The velocity in which a root K is moved, from H = K^T F K and S = K^T K (Lin et al. 2023 and 2024):
//   IKFAC  next = scale (H + damping S - I)
//   SINGD  next = momentum velocity + scale (tr(H') / d' H + damping tr(S') / d' S - I), dashes: the layer's other side
// RELATIVE takes the damping in units of the mean eigenvalues: sqrt(damping) tr(F) / d for IKFAC, for SINGD
// damping tr(F) / d tr(F') / d'.
struct Params { count: u32, damping: f32, scale: f32, momentum: f32 }

fn at_number(i: u32, index: u32, m: Matrix) {
  let at = i - m.offset;
  let row = at / m.padded;
  let identity = select(0.0, 1.0, row == at % m.padded && row < m.size);
  let own = traces[index];
#if COUPLED
  let other = traces[m.partner];
#if RELATIVE
  let damping = params.damping * max(own.z * other.z, 1e-24);
#else
  let damping = params.damping;
#end
  let change = other.x * H[i] + damping * other.y * S[i] - identity;
  let value = params.momentum * velocity[i] + params.scale * change;
#else
#if RELATIVE
  let damping = sqrt(params.damping) * max(own.z, 1e-12);
#else
  let damping = params.damping;
#end
  let value = params.scale * (H[i] + damping * S[i] - identity);
#end
  next[i] = select(0.0, value, at < m.padded * m.padded);
}
