// Damping of one factor, from the mean eigenvalues of both (trace / side), for rules
//   0 relative  sqrt(lambda) * max(mean eigenvalue, 1e-12)
//   1 pi        sqrt(lambda) * sqrt(own / partner mean eigenvalue): pi sqrt(lambda) on A and sqrt(lambda) / pi on G
//               (Martens and Grosse 2015, section 6.3)
//   2 sqrt      sqrt(lambda)
//   3 plain     lambda
//   4 exact     lambda, to be added to the products of eigenvalues
// A factor without curvature has no meaningful pi: 1 is taken instead. With a relative scale lambda is in units of the
// mean eigenvalue of what it is added to: of G (x) A, by the rule plain of the factor.
const leastMean = 1e-12;

fn damping(rule: u32, isRelative: bool, lambda: f32, own: f32, partner: f32) -> f32 {
  let ownMean = max(own, leastMean);
  let partnerMean = max(partner, leastMean);
  switch rule {
    case 0u: { return sqrt(lambda) * ownMean; }
    case 1u: {
      if (isRelative) { return sqrt(lambda) * ownMean; }
      if (own <= 1e-20 || partner <= 1e-20) { return sqrt(lambda); }
      return sqrt(lambda) * sqrt(own / partner);
    }
    case 2u: { return sqrt(lambda) * select(1.0, sqrt(ownMean) * sqrt(partnerMean), isRelative); }
    case 3u: { return lambda * select(1.0, ownMean, isRelative); }
    default: { return lambda * select(1.0, ownMean * partnerMean, isRelative); }
  }
}
