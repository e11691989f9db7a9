// work = the factor of every job of one size, padded with zeros, which a decomposition keeps apart.
struct Params { first: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let job = jobs[params.first + id.y];
  if (id.x >= job.workSide * job.workSide) { return; }
  let i = id.x / job.workSide;
  let j = id.x % job.workSide;
  var value = 0.0;
  if (max(i, j) < job.side) { value = factors[job.offset + i * job.side + j]; }
  work[job.work + id.x] = value;
}
