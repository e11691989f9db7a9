// y[s] = sum of x[k] for k from offsets[s] to offsets[s + 1] - 1, in this order, or with ORDERED of x[order[k]]. One thread
// per unit T (a number or a vec4) of y. PARTS: a thread sums one of `parts` shares of a segment's rows, and a second launch
// adds the shares up; they lie as [part][s].
alias T = ${TYPE};
struct Params { count: u32, width: u32, rows: u32, parts: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let line = i / params.width;
  let d = i - line * params.width;
#if PARTS
  let segments = params.count / (params.width * params.parts);
  let part = line / segments;
  let s = line - part * segments;
  let begin = min(offsets[s], params.rows);
  let end = min(offsets[s + 1u], params.rows);
  let share = (max(end, begin) - begin + params.parts - 1u) / params.parts;
  let first = begin + part * share;
  let last = min(first + share, end);
#else
  let first = offsets[line];
  let last = min(offsets[line + 1u], params.rows);
#end
  var sum = T();
  for (var k = first; k < last; k++) {
#if ORDERED
    sum += x_at(order[k] * params.width + d);
#else
    sum += x_at(k * params.width + d);
#end
  }
  y_set(i, sum);
}
