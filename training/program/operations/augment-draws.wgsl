// What is done to each image of a batch, one thread per image; every number of it has random bits of its own, so that
// one kind of change draws the same whatever others there are.
//   moves[n]     row and column of the padded image at which it is cut out, 1 where it is flipped, and the row and
//                column of its blot's centre
//   MIXED        image n is mixed with image partners[n], and counts with the share share[0]
struct Params { count: u32, height: u32, width: u32, places: u32 }

const key = 0x4155474du;

// A whole number below `bound`.
fn below(bits: u32, bound: u32) -> u32 {
  return multiplyHigh(bits, bound);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let n = id.x;
  if (n >= params.count) { return; }
#if MOVED
  let bits = philox(vec4<u32>(n, step.index, 0u, 0u), vec2<u32>(step.seed, key));
  let more = philox(vec4<u32>(n, step.index, 1u, 0u), vec2<u32>(step.seed, key));
  moves[5u * n] = below(bits.x, params.places);
  moves[5u * n + 1u] = below(bits.y, params.places);
  moves[5u * n + 2u] = bits.z >> 31u;
  moves[5u * n + 3u] = below(bits.w, params.height);
  moves[5u * n + 4u] = below(more.x, params.width);
#end
#if MIXED
  // The same for all images: a turn of the batch, none of which meets itself.
  let mixing = philox(vec4<u32>(0u, step.index, 2u, 0u), vec2<u32>(step.seed, key));
  let turn = 1u + below(mixing.x, max(params.count, 2u) - 1u);
  partners[n] = (n + turn) % params.count;
  if (n == 0u) { share[0] = quantiles[below(mixing.y, ${QUANTILES}u)]; }
#end
}
