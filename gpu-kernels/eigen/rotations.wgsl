// Eigenvalues of every tridiagonal matrix by implicit QL steps with Wilkinson's shift (Golub and Van Loan, Matrix
// Computations, section 8.3), which also says in which order which plane rotations turn its basis into the
// eigenvectors. One thread per matrix: rotations depend on each other, their application is `apply-rotations.wgsl`.
// Four sweeps, each from plane `high - 1` down to `low`, make a group: sweeps[2 g] their lowest planes and sweeps[2 g + 1]
// the planes above their highest. rotations[g][i + 4][s] = (cosine, sine) of sweep s at plane i + s.
struct Params { n: u32, batch: u32, groups: u32 }

const epsilon = 1.2e-7;
// Most QL steps for one eigenvalue; two are usual.
const mostSteps = 40u;

@compute @workgroup_size(${T})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.batch) { return; }
  let n = params.n;
  let base = id.x * n;
  let tables = id.x * params.groups;
  var sweep = 0u;
  var failed = false;
  var norm = 0.0;
  for (var i = 0u; i < n; i++) { norm = max(norm, abs(values[base + i]) + abs(offDiagonal[base + i])); }
  for (var low = 0u; low < n && !failed; low++) {
    for (var step = 0u; ; step++) {
      var high = low;
      for (; high + 1u < n; high++) {
        // Negligible beside its neighbours, or beside the whole matrix: the error is below that of the arithmetic.
        let near = abs(values[base + high]) + abs(values[base + high + 1u]);
        if (abs(offDiagonal[base + high]) <= epsilon * max(near, 0.05 * norm)) { break; }
      }
      if (high == low) { break; }
      if (step == mostSteps || sweep == 4u * params.groups) {
        failed = true;
        break;
      }
      let gap = (values[base + low + 1u] - values[base + low]) / (2.0 * offDiagonal[base + low]);
      let root = sqrt(fma(gap, gap, 1.0));
      var g = values[base + high] - values[base + low] + offDiagonal[base + low] / (gap + select(-root, root, gap >= 0.0));
      var s = 1.0;
      var c = 1.0;
      var shift = 0.0;
      var upper = values[base + high];
      let group = tables + sweep / 4u;
      let slot = sweep % 4u;
      var i = high;
      for (; i > low; i--) {
        let f = s * offDiagonal[base + i - 1u];
        let b = c * offDiagonal[base + i - 1u];
        let square = fma(f, f, g * g);
        if (square < 1e-34) {
          // The matrix falls apart here.
          offDiagonal[base + i] = 0.0;
          break;
        }
        let r = sqrt(square);
        offDiagonal[base + i] = r;
        s = f / r;
        c = g / r;
        // Division and root are rounded; many rotations must not change lengths all in one direction.
        let correction = fma(-0.5, fma(c, c, s * s), 1.5);
        s *= correction;
        c *= correction;
        g = upper - shift;
        let lower = values[base + i - 1u];
        let t = fma(lower - g, s, 2.0 * c * b);
        shift = s * t;
        values[base + i] = g + shift;
        g = fma(c, t, -b);
        upper = lower;
        rotations[4u * (group * (n + 4u) + i + 3u - slot) + slot] = vec2f(c, s);
      }
      values[base + i] = upper - shift;
      if (i == low) { offDiagonal[base + low] = g; }
      offDiagonal[base + high] = 0.0;
      if (slot == 0u) {
        // Sweeps that a last group lacks stop before they begin.
        sweeps[2u * group] = vec4<u32>(n);
        sweeps[2u * group + 1u] = vec4<u32>();
      }
      sweeps[2u * group][slot] = i;
      sweeps[2u * group + 1u][slot] = high;
      sweep++;
    }
  }
  counts[id.x] = (sweep + 3u) / 4u;
  for (var i = 0u; i < n; i++) { values[base + i] *= scales[id.x]; }
  if (failed) { status[id.x] = 2u; }
}
