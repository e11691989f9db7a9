// What both halves of attention compute with: numbers or vec4s of features, their products, and with LANES a vec4 of which
// every lane of a subgroup of four has loaded one number.
#if LANES
enable subgroups;
#end
alias T = ${TYPE};
struct Params { n: u32, length: u32, heads: u32, row: u32, scale: f32 }

#if LANES
fn whole(part: f32) -> vec4f {
  return vec4f(quadBroadcast(part, 0u), quadBroadcast(part, 1u), quadBroadcast(part, 2u), quadBroadcast(part, 3u));
}

#end
fn inner(a: T, b: T) -> f32 {
#if QUADS
  return dot(a, b);
#else
  return a * b;
#end
}
