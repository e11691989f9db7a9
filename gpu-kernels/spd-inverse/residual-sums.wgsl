// sums[matrix, q] = sum of (product - I)^2 over the four columns from 4 q on. One thread per four columns.
struct Params { n: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let quads = params.n / 4u;
  if (id.x >= quads) { return; }
  var sum = vec4f();
  for (var row = 0u; row < params.n; row++) {
    var difference = product[(id.y * params.n + row) * quads + id.x];
    if (row / 4u == id.x) { difference[row % 4u] -= 1.0; }
    sum = fma(difference, difference, sum);
  }
  sums[id.y * quads + id.x] = (sum.x + sum.y) + (sum.z + sum.w);
}
