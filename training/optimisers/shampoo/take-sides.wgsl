// Matrices of one size from their strided places into a row without gaps. Grid: (numbers of a matrix / 64, matrices).
struct Params { stride: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  work[id.y * params.count + id.x] = averages[id.y * params.stride + id.x];
}
