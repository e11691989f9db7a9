// means[f] = trace / side of every factor; table[f] = (offset, side, row length, 0). One thread per factor.
struct Params { count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let factor = table[id.x];
  var trace = 0.0;
  for (var i = 0u; i < factor.y; i++) { trace += factors[factor.x + i * (factor.z + 1u)]; }
  means[id.x] = trace / f32(factor.y);
}
