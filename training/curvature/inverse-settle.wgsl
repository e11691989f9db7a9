// After an inversion: a failed job gets more damping and a mark in its failure count, a good one less of what was
// raised. One thread per job.
struct Params { first: u32, count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let index = params.first + id.x;
  let job = jobs[index];
  if (status[job.status] != 0u) {
    boosts[index] = raised(boosts[index]);
    failures[index] += 1u;
    latest[index] = Failure(step.index, dampingOf(job, index), boosts[index], 0u);
  } else {
    boosts[index] = lowered(boosts[index]);
  }
}
