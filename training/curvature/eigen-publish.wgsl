// Rows of the eigenvectors for every layer that uses the job; a job that failed leaves the old ones.
// targets[t] = (job, offset of the layer's basis, row length there, 0)
struct Params { first: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let t = targets[params.first + id.y];
  let job = jobs[t.x];
  if (id.x >= t.z * t.z || status[job.status] != 0u) { return; }
  bases[t.y + id.x] = work[job.work + id.x / t.z * job.workSide + id.x % t.z];
}
