// inverse = S work^-1 S for every layer that uses the job; a job whose factorisation failed keeps its old inverse.
// targets[t] = (job, offset of the layer's inverse, row length there, index of the job's status word)
struct Params { first: u32, count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let t = targets[params.first + id.y];
  if (id.x >= t.z * t.z || status[t.w] != 0u) { return; }
  let job = jobs[t.x];
  let i = id.x / t.z;
  let j = id.x % t.z;
  var value = 0.0;
  if (i < job.side && j < job.side) {
    let damp = dampingOf(job, t.x);
    value = work[job.work + i * job.workSide + j] * unitScale(job, i, damp) * unitScale(job, j, damp);
  }
  inverses[t.y + id.x] = value;
}
