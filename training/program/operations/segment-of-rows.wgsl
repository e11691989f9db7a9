// What offsets say of rows and of segments.
//   ROWS      one thread per row: the segment it lies in; a row beyond the last offset gets a number that is no segment
//   PLACES    one thread per row: how many rows of its segment come before it
//   COUNTS    one thread per segment: its number of rows
//   INVERSES  one thread per segment: 1 / its number of rows, 1 for an empty one
struct Params { count: u32, segments: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
#if ROWS || PLACES
  // How many offsets are at most i.
  var low = 0u;
  var high = params.segments + 1u;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (offsets[middle] <= i) { low = middle + 1u; } else { high = middle; }
  }
#if ROWS
  result[i] = low - 1u;
#else
  result[i] = i - offsets[low - 1u];
#end
#end
#if COUNTS
  result[i] = f32(offsets[i + 1u] - offsets[i]);
#end
#if INVERSES
  result[i] = 1.0 / f32(max(offsets[i + 1u] - offsets[i], 1u));
#end
}
