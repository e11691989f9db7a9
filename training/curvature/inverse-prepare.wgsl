// work = S (F + damping I) S for every job of one size, S making the diagonal 1; padded with the identity.
struct Params { first: u32, count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let job = jobs[params.first + id.y];
  if (id.x >= job.workSide * job.workSide) { return; }
  let i = id.x / job.workSide;
  let j = id.x % job.workSide;
  var value = select(0.0, 1.0, i == j);
  if (i < job.side && j < job.side && i != j) {
    let damp = dampingOf(job, params.first + id.y);
    value = factors[job.offset + i * job.row + j] * unitScale(job, i, damp) * unitScale(job, j, damp);
  }
  // A factor that is not finite must fail in the factorisation, not pass as the identity.
  if (i < job.side && i == j) {
    let diagonal = factors[job.offset + i * (job.row + 1u)] + dampingOf(job, params.first + id.y);
    value = select(-1.0, 1.0, diagonal > 0.0 && diagonal < 3.0e38);
  }
  work[job.work + id.x] = value;
}
