// scale = min(1, clipNorm / (norm + 1e-6)) as torch.nn.utils.clip_grad_norm_, with norm^2 the sum of the partial sums.
// One workgroup of LANES threads, each over every LANES-th; the first then adds up theirs in order.
struct Params { partials: u32, clipNorm: f32 }

#if LANES > 1
var<workgroup> sums: array<vec4f, ${LANES}>;
#end

@compute @workgroup_size(${LANES})
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec4f();
  for (var i = lane; i < params.partials; i += ${LANES}u) { sum += partial[i]; }
#if LANES > 1
  sums[lane] = sum;
  workgroupBarrier();
  if (lane > 0u) { return; }
  for (var i = 1u; i < ${LANES}u; i++) { sum += sums[i]; }
#end
  let norm = sqrt(sum.x + sum.y + sum.z + sum.w);
  scale[0] = min(1.0, params.clipNorm / (norm + 1e-6));
}
