// After an inversion: a failed job gets four times the damping and a mark in its failure count; raised damping is
// halved after every success, down to what the run asked for. One thread per job.
struct Params { first: u32, count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  if (status[jobs[id.x].status] != 0u) {
    boosts[id.x] *= 4.0;
    failures[id.x] += 1u;
  } else {
    boosts[id.x] = max(1.0, boosts[id.x] * 0.5);
  }
}
