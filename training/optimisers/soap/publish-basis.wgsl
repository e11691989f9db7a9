// New bases to their places; a matrix without one keeps its old basis and is counted. Grid: (numbers of a matrix / 64,
// matrices).
struct Params { first: u32, n: u32, stride: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.n * params.n) { return; }
  let matrix = params.first + id.y;
  if (bad[matrix] != 0u) {
    if (id.x == 0u) { failures[matrix] += 1u; }
    return;
  }
  basis[id.y * params.stride + id.x] = ordered[id.y * params.n * params.n + id.x];
}
