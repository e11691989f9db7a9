// start = S^-1 X S^-1 for every job of one size, X the inverse that its first layer has: what would be the inverse of
// `work` (inverse-prepare.wgsl) if the factor and its damping had not changed. Padded with the identity.
// sources[job] = (offset of that layer's inverse, row length there)
struct Params { first: u32, count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let job = jobs[params.first + id.y];
  if (id.x >= job.workSide * job.workSide) { return; }
  let i = id.x / job.workSide;
  let j = id.x % job.workSide;
  var value = select(0.0, 1.0, i == j);
  if (i < job.side && j < job.side) {
    let source = sources[params.first + id.y];
    let damp = dampingOf(job, params.first + id.y);
    value = inverses[source.x + i * source.y + j] / (unitScale(job, i, damp) * unitScale(job, j, damp));
  }
  start[job.work + id.x] = value;
}
