// An image [N, height, width, channels] with zeros around it: [N, paddedHeight, paddedWidth, channels]. Lengths and
// places on a line are counted in values T, channels included.
alias T = ${TYPE};

struct Params { height: u32, length: u32, paddedHeight: u32, paddedLength: u32, top: u32, left: u32, lines: u32 }

@compute @workgroup_size(${WX}, ${WY})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let line = id.z * ${LINES}u + id.y;
  if (id.x >= params.paddedLength || line >= params.lines) { return; }
  let n = line / params.paddedHeight;
  // Above and left of the image these wrap around to huge numbers.
  let y = line - n * params.paddedHeight - params.top;
  let x = id.x - params.left;
  let isInside = y < params.height && x < params.length;
  let origin = select(0u, (n * params.height + y) * params.length + x, isInside);
  padded_set(line * params.paddedLength + id.x, select(T(), image_at(origin), isInside));
}
