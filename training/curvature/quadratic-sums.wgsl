// parts[block] = sum over a block of the joint arena of (G d + g d) (d A + a d) + lambda d d, which adds up to
// d^T ((G + g I) (x) (A + a I) + lambda I) d for the step d of a layer. One thread per block.
struct Params { count: u32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let amount = amounts[blocks[id.x]];
  var sum = 0.0;
  for (var i = id.x * 64u; i < id.x * 64u + 64u; i++) {
    let d = change[i];
    sum += fma(amount.y, d, left[i]) * fma(amount.x, d, right[i]) + amount.z * d * d;
  }
  parts[id.x] = sum;
}
