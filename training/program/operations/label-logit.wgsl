// The logit of a label in the row that starts at `first`, less the row's largest. Beyond the last class lies the next row:
// such a label is no class, and its loss no number, so that the run ends where it met it.
fn logitOf(first: u32, label: u32, most: f32) -> f32 {
  if (label >= params.c) { return notANumber(); }
  return logits[first + label] - most;
}
