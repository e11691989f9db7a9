// The newest factors in the order of the side matrices: F = factors from sources[matrix] on, padding zero.
struct Params { count: u32 }

fn at_number(i: u32, index: u32, m: Matrix) {
  let at = i - m.offset;
  F[i] = select(0.0, factors[sources[index] + min(at, m.padded * m.padded - 1u)], at < m.padded * m.padded);
}
