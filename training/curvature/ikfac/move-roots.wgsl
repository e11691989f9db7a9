// K = K - rate K next, with product = K next; MOMENTUM keeps the velocity for the next update.
struct Params { count: u32 }

fn at_number(i: u32, index: u32, m: Matrix) {
  let rate = rates[index];
  if (rate == 0.0) { return; }
  roots[i] -= rate * product[i];
#if MOMENTUM
  velocity[i] = next[i];
#end
}
