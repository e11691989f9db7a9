// After a decomposition: eigenvalues, rounding below zero removed, where it succeeded. Where it failed the job gets more
// damping and a mark in its count; raised damping sinks after every success. One thread per job.
struct Params { first: u32, count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let index = params.first + id.x;
  let job = jobs[index];
  if (status[job.status] != 0u) {
    boosts[index] = raised(boosts[index]);
    failures[index] += 1u;
    latest[index] = Failure(step.index, boosts[index] * levels[1], boosts[index], 0u);
    return;
  }
  boosts[index] = lowered(boosts[index]);
  for (var i = 0u; i < job.side; i++) { spectra[job.spectrum + i] = max(values[job.values + i], 0.0); }
}
