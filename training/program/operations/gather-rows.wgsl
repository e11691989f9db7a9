// y[m] = x[index[m]], zeros where the index is no row of x. One thread per unit T (a number or a vec4) of y.
alias T = ${TYPE};
struct Params { count: u32, width: u32, rows: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let m = i / params.width;
  let row = index[m];
  var value = T();
  if (row < params.rows) { value = x[row * params.width + i - m * params.width]; }
  y_set(i, value);
}
