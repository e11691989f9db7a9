// amounts[layer] = what is added to A, to G and to the eigenvalues of G (x) A, raised where decompositions failed.
// table[layer] = (factor A, factor G, job of A, job of G). One thread per layer.
struct Params { count: u32, rule: u32, isRelative: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let layer = table[id.x];
  let a = levels[4u + layer.x];
  let g = levels[4u + layer.y];
  let isRelative = params.isRelative != 0u;
  if (params.rule == 4u) {
    let both = max(boosts[layer.z], boosts[layer.w]) * damping(params.rule, isRelative, levels[1], a, g);
    amounts[id.x] = vec4f(0.0, 0.0, both, 0.0);
  } else {
    amounts[id.x] = vec4f(
      boosts[layer.z] * damping(params.rule, isRelative, levels[1], a, g),
      boosts[layer.w] * damping(params.rule, isRelative, levels[1], g, a),
      0.0,
      0.0,
    );
  }
}
