// One matrix to invert: where its factor lies, whose mean eigenvalue pi refers to, and where its work area is.
struct Job { factor: u32, partner: u32, offset: u32, side: u32, row: u32, work: u32, workSide: u32, status: u32 }

fn dampingOf(job: Job, index: u32) -> f32 {
  let own = levels[4u + job.factor];
  return boosts[index] * damping(params.rule, params.isRelative != 0u, levels[1], own, levels[4u + job.partner]);
}

// Symmetric scaling to a unit diagonal: keeps the factorisation's pivots near 1 whatever the factor's scale.
fn unitScale(job: Job, i: u32, damp: f32) -> f32 {
  return inverseSqrt(factors[job.offset + i * (job.row + 1u)] + damp);
}
