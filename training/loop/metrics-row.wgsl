// One row of the metrics ring: (mean loss, share of right predictions, 0, 0).
struct Params { fixedSlot: u32, hasHits: u32 }

@compute @workgroup_size(1)
fn main() {
  let slot = select(step.slot, params.fixedSlot - 1u, params.fixedSlot > 0u);
  ring[slot] = vec4f(means[0], select(0.0, hits[0], params.hasHits > 0u), 0.0, 0.0);
}
