// result[m] = the largest of x[m, :]; one thread per row.
struct Params { rows: u32, width: u32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rows) { return; }
  var largest = x[row * params.width];
  for (var i = 1u; i < params.width; i++) {
    largest = max(largest, x[row * params.width + i]);
  }
  result[row] = largest;
}
