// lengths[layer] = (factor on the layer's direction, D g): ||u|| / ||D|| gives it the length of u; without grafting it
// keeps its own, or corrects the bias of the momentum it is made of. One thread per layer.
struct Params { count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let layer = layers[id.x];
  var sums = vec4f();
  for (var b = layer.offset / 64u; b < layer.offset / 64u + layer.blocks; b++) { sums += norms[b]; }
#if GRAFT == 'none'
#if BEFORE
  let length = step.correction1;
#else
  let length = 1.0;
#end
#else
  let length = sqrt(sums.y) / (sqrt(sums.x) + 1e-20);
#end
  lengths[id.x] = vec2f(length, sums.z);
}
