// lengths[layer] = ||u|| / ||D||: what gives the K-FAC direction Adam's length. One thread per layer.
struct Params { count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let layer = layers[id.x];
  var sums = vec2f();
  for (var b = layer.offset / 64u; b < layer.offset / 64u + layer.blocks; b++) { sums += norms[b]; }
  lengths[id.x] = sqrt(sums.y) / (sqrt(sums.x) + 1e-20);
}
