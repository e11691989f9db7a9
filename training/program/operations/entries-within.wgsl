// y[m] = index[m] for the entries before the last offset, and no row for those behind it. One thread per entry.
struct Params { count: u32, segments: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  y[i] = select(0xffffffffu, index[i], i < offsets[params.segments]);
}
