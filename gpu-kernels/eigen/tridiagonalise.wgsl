// Householder reflections H_k = I - 2 u u^T turn every matrix into a tridiagonal one, steps `first` to `last` of them;
// u_k, of length 1 or 0, takes the place of row k. Whole symmetric matrix kept: one pass over the rows that are left
// applies the reflection before, A - u w^T - w u^T, and multiplies with the next one. One workgroup per matrix; a lane
// owns columns, so that passes need no exchange, sums of the whole workgroup happen three times a step.
#if LANES
enable subgroups;
#end

struct Params { n: u32, first: u32, last: u32 }

const T = ${T}u;
#if LANES
#else
var<workgroup> parts: array<f32, ${T}>;
#end

fn total(own: f32, lane: u32) -> f32 {
#if LANES
  return subgroupAdd(own);
#else
  workgroupBarrier();
  parts[lane] = own;
  for (var half = T / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] += parts[lane + half]; }
  }
  workgroupBarrier();
  return parts[0];
#end
}

// What other lanes have written is there to read. One subgroup runs in step and needs nothing.
fn meet() {
#if LANES
#else
  storageBarrier();
#end
}

fn beyond(quad: u32, k: u32) -> vec4f {
  return select(vec4f(), vec4f(1.0), 4u * quad + vec4<u32>(0u, 1u, 2u, 3u) > vec4<u32>(k));
}

@compute @workgroup_size(${T})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let quads = params.n / 4u;
  let base = group.x * params.n * quads;
  let wBase = group.x * quads;
  for (var k = params.first; k < params.last; k++) {
    let row = base + k * quads;
    // Before the first step there is no reflection: w is zero, whatever is read as u.
    let before = base + max(k, 1u) * quads - quads;
    let uk = M[before + k / 4u][k % 4u];
    let wk = W[wBase + k / 4u][k % 4u];
    let start = (k + 1u) / 4u;
    let next = min(k + 1u, params.n - 1u);
    let diagonal = M[row + k / 4u][k % 4u] - 2.0 * uk * wk;
    let pivot = M[row + next / 4u][next % 4u] - uk * W[wBase + next / 4u][next % 4u] - wk * M[before + next / 4u][next % 4u];
    var squares = 0.0;
    for (var q = start + lane; q < quads; q += T) {
      let x = (M[row + q] - uk * W[wBase + q] - wk * M[before + q]) * beyond(q, k);
      squares += dot(x, x);
    }
    // Far below the rounding of a matrix of size 1: nothing is left to eliminate.
    let square = total(squares, lane);
    let live = square > 1e-30;
    let length = sqrt(square);
    let head = select(-length, length, pivot >= 0.0);
    let unit = select(0.0, 1.0 / sqrt(2.0 * length * (length + abs(pivot))), live);
    for (var q = lane; q < quads; q += T) {
      var u = vec4f();
      if (q >= start) {
        u = (M[row + q] - uk * W[wBase + q] - wk * M[before + q]) * beyond(q, k);
        if (q == next / 4u) { u[next % 4u] += head; }
      }
      M[row + q] = unit * u;
    }
    if (lane == 0u) {
      values[group.x * params.n + k] = diagonal;
      offDiagonal[group.x * params.n + k] = select(0.0, -head, live);
    }
    meet();
    // p = 2 A u by columns, in the same pass that applies the reflection before.
    var along = 0.0;
    for (var q = start + lane; q < quads; q += T) {
      let uq = M[before + q];
      let wq = W[wBase + q];
      var p = vec4f();
      for (var r = start; r < quads; r++) {
        let rows = beyond(r, k);
        let ur = M[before + r] * rows;
        let wr = W[wBase + r] * rows;
        let vr = M[row + r];
        let at = base + 4u * r * quads + q;
#for i in 0..4
        let a${i} = M[at + ${i}u * quads] - ur.${lane(i)} * wq - wr.${lane(i)} * uq;
        p = fma(vec4f(vr.${lane(i)}), a${i}, p);
#end
#for i in 0..4
        M[at + ${i}u * quads] = a${i};
#end
      }
      P[wBase + q] = 2.0 * p;
      along += 2.0 * dot(p, M[row + q]);
    }
    let share = total(along, lane);
    for (var q = start + lane; q < quads; q += T) { W[wBase + q] = P[wBase + q] - share * M[row + q]; }
    meet();
  }
}
