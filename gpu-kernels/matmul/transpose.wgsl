// T[b] = transpose of X[b], [rows, columns] in vec4s of a row: a thread turns 4 x 4 numbers. Both sides are multiples of 4.

struct Params { rows: u32, columns: u32, ldx: u32, strideX: u32 }

@compute @workgroup_size(${SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let across = params.rows / 4u;
  let down = params.columns / 4u;
  let i = id.y * ${ROW}u + id.x;
  if (i >= across * down) { return; }
  // Neighbouring threads write neighbouring vec4s.
  let row = i % across;
  let column = i / across;
  let x = (id.z * params.strideX + 4u * row * params.ldx) / 4u + column;
  let step = params.ldx / 4u;
  let turned = transpose(mat4x4f(X[x], X[x + step], X[x + 2u * step], X[x + 3u * step]));
  let t = (id.z * params.columns + 4u * column) * across + row;
#for i in 0..4
  T[t + ${i}u * across] = turned[${i}];
#end
}
