// Damping of one factor, from the mean eigenvalues of both (trace / side), for rules
//   0 relative  sqrt(lambda) * max(mean eigenvalue, 1e-12)
//   1 pi        sqrt(lambda) * sqrt(own / partner mean eigenvalue): pi sqrt(lambda) on A and sqrt(lambda) / pi on G
//               (Martens and Grosse 2015, section 6.3)
//   2 sqrt      sqrt(lambda)
//   3 plain     lambda
// A factor without curvature has no meaningful pi: 1 is taken instead.
fn damping(rule: u32, lambda: f32, own: f32, partner: f32) -> f32 {
  switch rule {
    case 0u: { return sqrt(lambda) * max(own, 1e-12); }
    case 1u: {
      if (own <= 1e-20 || partner <= 1e-20) { return sqrt(lambda); }
      return sqrt(lambda) * sqrt(own / partner);
    }
    case 2u: { return sqrt(lambda); }
    default: { return lambda; }
  }
}
