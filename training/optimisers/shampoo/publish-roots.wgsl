// Roots to where the layers read them; a matrix that could not be decomposed keeps the root it had and is counted.
// Grid: (numbers of a matrix / 64, matrices).
struct Params { first: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let matrix = params.first + id.y;
  if (status[id.y] != 0u) {
    if (id.x == 0u) { failures[matrix] += 1u; }
    return;
  }
  roots[targets[matrix] + id.x] = work[id.y * params.count + id.x];
}
