// y[s] = sum of x[k] for k from offsets[s] to offsets[s + 1] - 1, in this order, or with ORDERED of x[order[k]]. One thread
// per unit T (a number or a vec4) of y.
alias T = ${TYPE};
struct Params { count: u32, width: u32, rows: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let s = i / params.width;
  let d = i - s * params.width;
  let last = min(offsets[s + 1u], params.rows);
  var sum = T();
  for (var k = offsets[s]; k < last; k++) {
#if ORDERED
    sum += x_at(order[k] * params.width + d);
#else
    sum += x_at(k * params.width + d);
#end
  }
  y_set(i, sum);
}
