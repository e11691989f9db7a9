// Damping of a matrix whose decomposition failed is `boost` times what the rule says: four times more after every
// failure, half as much after every success, never less than the rule's. Without an upper bound a matrix that fails for
// long would end at infinity, which halving never leaves.
const mostBoost = 1048576.0;

fn raised(boost: f32) -> f32 { return min(4.0 * boost, mostBoost); }
fn lowered(boost: f32) -> f32 { return max(1.0, 0.5 * boost); }

// A matrix's newest failure: its step, the damping from then on, and how many times the rule's that is.
struct Failure { step: u32, amount: f32, boost: f32, pad: u32 }
