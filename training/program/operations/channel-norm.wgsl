// Normalises x [outer, rows, channels] by a mean and a variance per (outer or 1, channel); one thread per (outer, ROWS
// rows, channel unit T), so that what belongs to the channel is read once for many rows.
//   forward     y = (x - mean) / sqrt(variance + eps) * gain + shift
//   BACKWARD    dx = (h - mean(h) - xhat * mean(h xhat)) / sqrt(variance + eps), h = dy * gain; means over the group
//   FROZEN      the statistics do not depend on x: dx = h / sqrt(variance + eps)
alias T = ${TYPE};
struct Params { outer: u32, rows: u32, width: u32, blocks: u32, eps: f32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.outer * params.blocks * params.width) { return; }
  let d = i % params.width;
  let block = i / params.width % params.blocks;
  let o = i / (params.width * params.blocks);
  let s = o * params.width + d;
  let centre = mean[s];
  // Not by inverseSqrt, which may be 2 ulp off.
  let inverse = T(1.0) / sqrt(variance[s] + T(params.eps));
  let factor = gain[d];
#if BACKWARD
#if !FROZEN
  let meanH = means[2u * o * params.width + d];
  let meanHX = means[(2u * o + 1u) * params.width + d] * inverse;
#end
#else
  let constant = shift[d];
#end
  let first = (o * params.rows + block * ${ROWS}u) * params.width + d;
  let last = (o * params.rows + min(block * ${ROWS}u + ${ROWS}u, params.rows)) * params.width;
  for (var at = first; at < last; at += params.width) {
#if BACKWARD
#if FROZEN
    dx_set(at, dy_at(at) * factor * inverse);
#else
    dx_set(at, (dy_at(at) * factor - meanH - (x_at(at) - centre) * meanHX) * inverse);
#end
#else
    y_set(at, fma((x_at(at) - centre) * inverse, factor, constant));
#end
  }
}
