// moved = Adam's second moment, with RANKS its rows and columns where their basis vectors went. One thread per number of
// the joint arena.
struct Params { count: u32, widest: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let index = blocks[i / 64u];
  let layer = layers[index];
  let at = i - layer.offset;
  let row = at / layer.columns;
  if (row >= layer.outputs) { return; }
#if RANKS
  let to = sides[index] * params.widest;
  let newRow = ranks[to.y + row];
  let newColumn = ranks[to.x + at % layer.columns];
  moved[layer.offset + newRow * layer.columns + newColumn] = squares[i];
#else
  moved[i] = squares[i];
#end
}
