// Lambda has the units of the loss: in effect is lambda times the loss of the batch. A loss that is not finite, or
// negative, leaves what was in effect before.
struct Params { floor: f32 }

@compute @workgroup_size(1)
fn main() {
  let isUsable = bitcast<u32>(loss[0]) < 0x7f800000u;
  if (isUsable) { levels[1] = max(params.floor, levels[0] * loss[0]); }
}
