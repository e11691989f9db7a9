// X = (X + X^T) / 2 in place, to the same bits in both triangles. One thread per number; those of the upper triangle work.
struct Params { n: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x / params.n;
  let column = id.x % params.n;
  if (row >= column) { return; }
  let first = id.y * params.n * params.n;
  let upper = first + id.x;
  let lower = first + column * params.n + row;
  let mean = 0.5 * (X[upper] + X[lower]);
  X[upper] = mean;
  X[lower] = mean;
}
