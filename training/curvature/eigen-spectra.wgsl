// After a decomposition: eigenvalues, rounding below zero removed, where it succeeded. Where it failed the job gets four
// times the damping and a mark in its count; raised damping is halved after every success. One thread per job.
struct Params { first: u32, count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let index = params.first + id.x;
  let job = jobs[index];
  if (status[job.status] != 0u) {
    boosts[index] *= 4.0;
    failures[index] += 1u;
    return;
  }
  boosts[index] = max(1.0, boosts[index] * 0.5);
  for (var i = 0u; i < job.side; i++) { spectra[job.spectrum + i] = max(values[job.values + i], 0.0); }
}
