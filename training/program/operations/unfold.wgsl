// Patches of an image, channels last: x [N, H, W, C] to y [N, OH * OW, C * KH * KW], columns in the order (c, kh, kw)
// of a PyTorch convolution weight. FOLD is the gradient: every pixel sums the patch entries it went to.
struct Params { n: u32, h: u32, w: u32, c: u32, oh: u32, ow: u32, kh: u32, kw: u32,
  strideY: u32, strideX: u32, paddingY: u32, paddingX: u32, dilationY: u32, dilationX: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= ${COUNT}u) { return; }
  let p = params;
  let columns = p.c * p.kh * p.kw;
#if FOLD
  let c = i % p.c;
  let px = i / p.c % p.w;
  let py = i / (p.c * p.w) % p.h;
  let n = i / (p.c * p.w * p.h);
  var sum = 0.0;
  for (var kh = 0u; kh < p.kh; kh++) {
    // Output row o took this pixel when o * stride + kh * dilation = py + padding.
    let y = i32(py + p.paddingY) - i32(kh * p.dilationY);
    if (y < 0 || u32(y) % p.strideY != 0u || u32(y) / p.strideY >= p.oh) { continue; }
    for (var kw = 0u; kw < p.kw; kw++) {
      let x = i32(px + p.paddingX) - i32(kw * p.dilationX);
      if (x < 0 || u32(x) % p.strideX != 0u || u32(x) / p.strideX >= p.ow) { continue; }
      let r = (n * p.oh + u32(y) / p.strideY) * p.ow + u32(x) / p.strideX;
      sum += source[r * columns + (c * p.kh + kh) * p.kw + kw];
    }
  }
  result[i] = sum;
#else
  let column = i % columns;
  let r = i / columns;
  let kw = column % p.kw;
  let kh = column / p.kw % p.kh;
  let c = column / (p.kw * p.kh);
  let ow = r % p.ow;
  let oh = r / p.ow % p.oh;
  let n = r / (p.ow * p.oh);
  let y = i32(oh * p.strideY + kh * p.dilationY) - i32(p.paddingY);
  let x = i32(ow * p.strideX + kw * p.dilationX) - i32(p.paddingX);
  var value = 0.0;
  if (y >= 0 && y < i32(p.h) && x >= 0 && x < i32(p.w)) {
    value = source[((n * p.h + u32(y)) * p.w + u32(x)) * p.c + c];
  }
  result[i] = value;
#end
}
