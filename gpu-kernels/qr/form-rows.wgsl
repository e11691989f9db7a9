// Row j of the result: the reflections k = j, ..., 0 applied to the unit vector e_j. One thread per row.
struct Params { n: u32 }

@compute @workgroup_size(${T})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let j = id.x;
  if (j >= params.n) { return; }
  let quads = params.n / 4u;
  let base = id.y * params.n * quads;
  let own = base + j * quads;
  for (var q = 0u; q < quads; q++) { result[own + q] = vec4f(); }
  result[own + j / 4u][j % 4u] = 1.0;
  for (var i = 0u; i <= j; i++) {
    let k = j - i;
    let v = base + k * quads;
    let head = heads[id.y * params.n + k];
    let change = head.x - rows[v + k / 4u][k % 4u];
    var along = change * result[own + k / 4u][k % 4u];
    for (var q = k / 4u; q < quads; q++) {
      let number = 4u * q + vec4u(0u, 1u, 2u, 3u);
      along += dot(select(vec4f(), rows[v + q], number >= vec4u(k)), result[own + q]);
    }
    let step = head.y * along;
    for (var q = k / 4u; q < quads; q++) {
      let number = 4u * q + vec4u(0u, 1u, 2u, 3u);
      result[own + q] -= step * select(vec4f(), rows[v + q], number >= vec4u(k));
    }
    result[own + k / 4u][k % 4u] -= step * change;
  }
}
