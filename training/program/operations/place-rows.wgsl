// Rows of a tensor seen as [outer, row]: y[o, first + j] = x[o, j - before] where that exists, else 0. One thread per
// unit T (a number or a vec4) of the part of y that is written.
//   inLength     units in a row of x
//   outLength    units in a row of y
//   length       units of each row of y that are written, from `first`
//   before       (mod 2^32) where x's row starts, counted from `first`; wraps for a part that x starts before
alias T = ${TYPE};
struct Params { count: u32, inLength: u32, outLength: u32, length: u32, first: u32, before: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let o = i / params.length;
  let j = i - o * params.length;
  let k = j - params.before;
  var value = T();
  if (k < params.inLength) { value = x_at(o * params.inLength + k); }
  y_set(o * params.outLength + params.first + j, value);
}
