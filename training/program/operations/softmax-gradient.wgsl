// Gradient of softmax over rows, one thread per row of `width` units T:
//        dx = y * (g - sum(g * y))
//   LOG  dx = g - exp(y) * sum(g)
alias T = ${TYPE};
struct Params { rows: u32, width: u32 }

fn total(x: T) -> f32 {
#if QUADS
  return x.x + x.y + x.z + x.w;
#else
  return x;
#end
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * ${ROW}u + id.x;
  if (row >= params.rows) { return; }
  let first = row * params.width;
  var sum = T();
#if LOG
  for (var j = 0u; j < params.width; j++) { sum += g_at(first + j); }
  let all = T(total(sum));
  for (var j = 0u; j < params.width; j++) {
    dx_set(first + j, g_at(first + j) - exp(y_at(first + j)) * all);
  }
#else
  for (var j = 0u; j < params.width; j++) { sum = fma(g_at(first + j), y_at(first + j), sum); }
  let all = T(total(sum));
  for (var j = 0u; j < params.width; j++) {
    dx_set(first + j, y_at(first + j) * (g_at(first + j) - all));
  }
#end
}
