// rates[matrix] = how far the root moves along its velocity: curvatureLr, CLIPPED divided by the largest row sum of
// the velocity where that exceeds 1. The row sum bounds the spectral norm, so the root stays invertible. A velocity
// that is not finite moves nothing and is counted. One thread per matrix.
struct Params { count: u32, widest: u32, lr: f32 }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  var largest = 1.0;
  var total = 0.0;
  for (var row = 0u; row < params.widest; row++) {
    let sum = sums[id.x * params.widest + row];
    largest = max(largest, sum);
    total += sum;
  }
  // Exponent bits all set: infinite or NaN.
  if ((bitcast<u32>(total) & 0x7f800000u) == 0x7f800000u) {
    rates[id.x] = 0.0;
    failures[id.x] += 1u;
    return;
  }
#if CLIPPED
  rates[id.x] = params.lr / largest;
#else
  rates[id.x] = params.lr;
#end
}
