// accepted[matrix] = 1 where all of its sums together stay below `most`, else 0. One thread per matrix.
//   COMPARED: below the sums `before`, and finite.
struct Params { count: u32, quads: u32, most: f32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  var sum = 0.0;
  for (var q = 0u; q < params.quads; q++) { sum += sums[id.x * params.quads + q]; }
  // By the bits of numbers that are not negative, where infinity and NaN are on top: a compiler may assume that there are none.
  var most = bitcast<u32>(params.most);
#if COMPARED
  var old = 0.0;
  for (var q = 0u; q < params.quads; q++) { old += before[id.x * params.quads + q]; }
  most = min(most, bitcast<u32>(old));
#end
  accepted[id.x] = select(0u, 1u, bitcast<u32>(sum) < most);
}
