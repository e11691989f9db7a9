// fresh = alpha (scale) sum of all slices (+ fresh where it ACCUMULATEs), for one layer's part of a joint arena.
struct Params { quads: u32, slices: u32, first: u32, alpha: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.quads) { return; }
  var sum = vec4f();
  for (var z = 0u; z < params.slices; z++) { sum += sums[z * params.quads + id.x]; }
#if SCALED
  let factor = params.alpha * scale[0];
#else
  let factor = params.alpha;
#end
#if ACCUMULATE
  fresh[params.first + id.x] += factor * sum;
#else
  fresh[params.first + id.x] = factor * sum;
#end
}
