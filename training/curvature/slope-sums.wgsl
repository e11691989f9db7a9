// parts[block] = sum over a block of the parameter arena of gradient times change, padding of the arenas being zero in
// both. One thread per block.
struct Params { count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  var sum = 0.0;
  for (var i = id.x * 64u; i < id.x * 64u + 64u; i++) {
    let moved = values[i] - before[i];
    if (moved != 0.0) { sum += gradients[i] * moved; }
  }
  parts[id.x] = sum;
}
