// result[n] = image rows[n] of the table [.., C, H, W], moved as moves[n] says; one thread per value.
//   SHIFT   cut out of the image with a frame of that many pixels, whose values are fill[c]
//   FLIP    where moves[n] says so, left and right change places
//   CUTOUT  0 in a square of that side, as far as it lies within the image
//   MIXED   share[0] * the image so moved + (1 - share[0]) * that of partners[n]
fn pixel(n: u32, c: u32, y: u32, x: u32) -> f32 {
#if CUTOUT > 0
  // Above and to the left of the square the difference wraps around to a number larger than any side.
  let down = y + ${CUTOUT / 2}u - moves[5u * n + 3u];
  let right = x + ${CUTOUT / 2}u - moves[5u * n + 4u];
  if (down < ${CUTOUT}u && right < ${CUTOUT}u) { return 0.0; }
#end
  var row = y;
  var column = x;
#if FLIP
  if (moves[5u * n + 2u] == 1u) { column = ${WIDTH - 1}u - x; }
#end
#if SHIFT > 0
  // Before the first row or column these wrap around as well.
  row += moves[5u * n] - ${SHIFT}u;
  column += moves[5u * n + 1u] - ${SHIFT}u;
  if (row >= ${HEIGHT}u || column >= ${WIDTH}u) { return fill[c]; }
#end
  return table[((rows[n] * ${CHANNELS}u + c) * ${HEIGHT}u + row) * ${WIDTH}u + column];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) { return; }
  let x = i % ${WIDTH}u;
  let y = i / ${WIDTH}u % ${HEIGHT}u;
  let c = i / ${WIDTH * HEIGHT}u % ${CHANNELS}u;
  let n = i / ${WIDTH * HEIGHT * CHANNELS}u;
#if MIXED
  result_set(i, share[0] * pixel(n, c, y, x) + (1.0 - share[0]) * pixel(partners[n], c, y, x));
#else
  result_set(i, pixel(n, c, y, x));
#end
}
