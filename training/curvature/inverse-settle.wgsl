// After an inversion: a failed job gets four times the damping and a mark in its failure count; raised damping is
// halved after every success, down to what the run asked for. One thread per job.
struct Params { first: u32, count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let index = params.first + id.x;
  if (status[jobs[index].status] != 0u) {
    boosts[index] *= 4.0;
    failures[index] += 1u;
  } else {
    boosts[index] = max(1.0, boosts[index] * 0.5);
  }
}
