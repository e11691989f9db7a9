// Products of rows with rows, one 32 x 32 block per workgroup, one TM x TN register tile per thread.
//   UPDATE: M[a, b] -= M[a, k] M[b, k]^T for b > k and (a >= b: what is left of A; or a <= k: the inverse factor).
//           Blocks of row k receive their first contribution, whatever lay there before.
//   else:   inverse[a, b] = sum over q >= a of M[a, q] M[b, q]^T for a >= b, and its mirror image.
//   LANES:  subgroups are four lanes wide along x and share the rows a: each lane loads a quarter and broadcasts.
//   SKIP: matrices whose `skip` is not 0 are left alone.
#if LANES
enable subgroups;
#end

struct Params { n: u32, k: u32 }

@compute @workgroup_size(${32 / TN}, ${32 / TM})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
#if LANES
  @builtin(subgroup_invocation_id) lane: u32,
#end
) {
#if SKIP
  if (skip[group.z] != 0u) { return; }
#end
  let quads = params.n / 4u;
  let base = group.z * params.n * quads;
  let a = group.y;
#if UPDATE
  let b = group.x + params.k + 1u;
  if (a > params.k && a < b) { return; }
  let first = params.k * 8u;
  let last = first + 8u;
#else
  let b = group.x;
  if (b > a) { return; }
  let first = a * 8u;
  let last = quads;
#end
  let row0 = a * 32u + local.y * ${TM}u;
  let column0 = b * 32u + local.x * ${TN}u;
#for i in 0..TM
  let ra${i} = base + (row0 + ${i}u) * quads;
#for j in 0..TN / 4
  var c${i}_${j} = vec4f();
#end
#end
#for j in 0..TN
  let rb${j} = base + (column0 + ${j}u) * quads;
#end
  for (var q = first; q < last; q++) {
#for j in 0..TN
    let b${j} = M[rb${j} + q];
#end
#for i in 0..TM
#if LANES
    let share${i} = M[ra${i} + q][lane];
#else
    let a${i} = M[ra${i} + q];
#end
#end
#for s in 0..4
#for j in 0..TN / 4
    let b${s}_${j} = vec4f(b${j * 4}.${lane(s)}, b${j * 4 + 1}.${lane(s)}, b${j * 4 + 2}.${lane(s)}, b${j * 4 + 3}.${lane(s)});
#end
#for i in 0..TM
#if LANES
    let a${s}_${i} = vec4f(quadBroadcast(share${i}, ${s}u));
#else
    let a${s}_${i} = vec4f(a${i}.${lane(s)});
#end
#for j in 0..TN / 4
    c${i}_${j} = fma(a${s}_${i}, b${s}_${j}, c${i}_${j});
#end
#end
#end
  }
#for j in 0..TN / 4
#for i in 0..TM
#if UPDATE
  M[ra${i} + column0 / 4u + ${j}u] = select(M[ra${i} + column0 / 4u + ${j}u], vec4f(), a == params.k) - c${i}_${j};
#else
  inverse[ra${i} + column0 / 4u + ${j}u] = c${i}_${j};
#end
#end
#end
#if UPDATE
#else
  if (a != b) {
#for j in 0..TN
#for i in 0..TM / 4
    inverse[rb${j} + row0 / 4u + ${i}u] = vec4f(c${i * 4}_${j / 4}.${lane(j % 4)}, c${i * 4 + 1}_${j / 4}.${lane(j % 4)}, c${i * 4 + 2}_${j / 4}.${lane(j % 4)}, c${i * 4 + 3}_${j / 4}.${lane(j % 4)});
#end
#end
  }
#end
}
