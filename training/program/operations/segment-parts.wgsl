// The sum of the parts of a segment's rows, in order: y[i] = sum over parts of partial[part][i].
struct Params { count: u32, parts: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  var sum = partials[i];
  for (var part = 1u; part < params.parts; part++) { sum += partials[part * params.count + i]; }
  y_set(i, sum);
}
