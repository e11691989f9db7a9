// ordered[rank of row j] = row j, from strided places (or, with PACKED, from a row without gaps) into a row without gaps.
// Grid: (numbers of a matrix / 64, matrices).
struct Params { first: u32, widest: u32, n: u32, stride: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let count = params.n * params.n;
  if (id.x >= count) { return; }
  let rank = ranks[(params.first + id.y) * params.widest + id.x / params.n];
#if PACKED
  let value = source[id.y * count + id.x];
#else
  let value = source[id.y * params.stride + id.x];
#end
  ordered[id.y * count + rank * params.n + id.x % params.n] = value;
}
