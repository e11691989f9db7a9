// partial[t] = sums of g^2 over the 64-number blocks t, t + threads, t + 2 threads, ... of the gradient arena, one per
// lane. A block's numbers beyond counts[block] are nobody's.
struct Params { blocks: u32, threads: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.threads) { return; }
  var sum = vec4f();
  for (var block = id.x; block < params.blocks; block += params.threads) {
    let count = vec4u(counts[block]);
    for (var quad = 0u; quad < 16u; quad++) {
      let g = gradients[block * 16u + quad];
      sum += select(vec4f(), g * g, quad * 4u + vec4u(0u, 1u, 2u, 3u) < count);
    }
  }
  partial[id.x] = sum;
}
