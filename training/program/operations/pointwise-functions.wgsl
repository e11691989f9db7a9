// Functions that elementwise expressions may call, for numbers or four of them at a time.

// Standard normal distribution function by the complementary error function's Chebyshev fit of Press et al.,
// Numerical Recipes 6.2: relative error below 1.2e-7 everywhere.
fn normalCdf(x: T) -> T {
  let z = abs(x) * T(0.7071067811865476);
  let t = T(1.0) / (T(1.0) + T(0.5) * z);
  let series = T(-1.26551223) + t * (T(1.00002368) + t * (T(0.37409196) + t * (T(0.09678418) + t * (T(-0.18628806) +
    t * (T(0.27886807) + t * (T(-1.13520398) + t * (T(1.48851587) + t * (T(-0.82215223) + t * T(0.17087277)))))))));
  let tail = T(0.5) * t * exp(-z * z + series);
  return select(tail, T(1.0) - tail, x > T(0.0));
}

// tanh is 1 to f32 beyond 10, where its exponentials overflow on some drivers. Not by `clamp`, which may turn NaN into
// a bound and so hide that a net has diverged.
fn safeTanh(x: T) -> T {
  return select(select(tanh(x), T(1.0), x > T(10.0)), T(-1.0), x < T(-10.0));
}
