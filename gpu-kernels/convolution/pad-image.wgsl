// An image [N, height, width, channels] with zeros around it: [N, paddedHeight, paddedWidth, channels].
alias T = ${TYPE};

struct Params { height: u32, width: u32, channels: u32, paddedHeight: u32, paddedWidth: u32, top: u32, left: u32, count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let c = i % params.channels;
  let pixel = i / params.channels;
  // Above and left of the image these wrap around to huge numbers.
  let x = pixel % params.paddedWidth - params.left;
  let y = pixel / params.paddedWidth % params.paddedHeight - params.top;
  let n = pixel / params.paddedWidth / params.paddedHeight;
  let isInside = y < params.height && x < params.width;
  let origin = select(0u, ((n * params.height + y) * params.width + x) * params.channels + c, isInside);
  padded[i] = select(T(), image[origin], isInside);
}
