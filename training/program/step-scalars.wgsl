// What changes from step to step, written by the host once per step.
struct Step {
  // Number of the step, from 1.
  index: u32,
  seed: u32,
  // Row of the metrics ring this step writes to.
  slot: u32,
  // Learning rate after the schedule.
  lr: f32,
  // Weights of the first and second moment: 1 / (1 - beta^index), for NAdamW's first what looks one step ahead.
  correction1: f32,
  correction2: f32,
  // Weight of a new curvature factor in the moving average.
  factorMix: f32,
  // NAdamW: weight of the gradient itself beside the first moment.
  gradientWeight: f32,
}
