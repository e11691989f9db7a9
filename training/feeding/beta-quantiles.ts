/** Weights of mix-up: Beta(alpha, alpha) as numbers of which each is equally likely. */

/**
 * The quantiles of Beta(alpha, alpha) at (i + 1/2) / count, ascending: drawing one of them evenly needs no rejection, takes
 * one random number and gives the same on every adapter. `count` is even; the second half mirrors the first.
 *
 * For x up to 1/2 the distribution function is, but for a factor that P(X < 1/2) = 1/2 tells, x^alpha times the series
 * sum_n (1 - alpha)_n / n! x^n / (alpha + n), which converges like a geometric one (DLMF 8.17.7 with a = b = alpha).
 */
export function betaQuantiles(alpha: number, count: number): Float32Array<ArrayBuffer> {
  const quantiles = new Float32Array(count);
  const most = 0.5 ** alpha;
  const total = mass(most, alpha);
  for (let i = 0; i < count / 2; i++) {
    const wanted = (2 * (i + 0.5) * total) / count;
    // Powers x^alpha are looked for, because small ones have no x that differs from 0.
    let [low, high] = [0, most];
    for (let halving = 0; halving < 60; halving++) {
      const middle = (low + high) / 2;
      if (mass(middle, alpha) < wanted) low = middle;
      else high = middle;
    }
    const x = low ** (1 / alpha);
    quantiles[i] = x;
    quantiles[count - 1 - i] = 1 - x;
  }
  return quantiles;
}

/** P(X < x) / constant for power = x^alpha, x at most 1/2. */
function mass(power: number, alpha: number): number {
  const x = power ** (1 / alpha);
  let coefficient = 1;
  let sum = 0;
  for (let n = 0; n < 64; n++) {
    sum += coefficient / (alpha + n);
    coefficient *= ((n + 1 - alpha) / (n + 1)) * x;
  }
  return power * sum;
}
