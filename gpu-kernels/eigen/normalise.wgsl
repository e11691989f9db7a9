// Gives every eigenvector length 1 again: rounding of many rotations shortens all of them a little, in one direction.
struct Params { n: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.n) { return; }
  let quads = params.n / 4u;
  let base = (id.y * params.n + id.x) * quads;
  var squares = vec4f();
  for (var q = 0u; q < quads; q++) { squares = fma(vectors[base + q], vectors[base + q], squares); }
  let scale = 1.0 / sqrt(dot(squares, vec4f(1.0)));
  for (var q = 0u; q < quads; q++) { vectors[base + q] *= scale; }
}
