// Second moment of one-hot vectors, one thread per number v of a block: F[v][v] = alpha * how often v occurs (ACCUMULATE:
// added), where position order[k] of the ids says v for k from offsets[v] on. What is off the diagonal stays zero.
//   WEIGHTED  position m counts weights[m] times
//   SCALED    alpha is multiplied by scale[0]
struct Params { first: u32, width: u32, padded: u32, alpha: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width) { return; }
  let v = params.first + id.x;
#if WEIGHTED
  var count = 0.0;
  for (var k = offsets[v]; k < offsets[v + 1u]; k++) { count += weights[order[k]]; }
#else
  let count = f32(offsets[v + 1u] - offsets[v]);
#end
#if SCALED
  let alpha = params.alpha * scale[0];
#else
  let alpha = params.alpha;
#end
  let at = id.x * (params.padded + 1u);
#if ACCUMULATE
  F[at] += alpha * count;
#else
  F[at] = alpha * count;
#end
}
