// A layer's joint matrix [W b] in a joint arena, and where its numbers lie in the parameter arenas.
struct Layer {
  offset: u32, columns: u32, outputs: u32, inputs: u32, weight: u32, bias: u32, blocks: u32, rowStride: u32, columnStride: u32
}

const nowhere = 0xffffffffu;

// Position in the parameter arenas of number `i` of a joint arena, or `nowhere` for padding.
fn parameterOf(layer: Layer, i: u32) -> u32 {
  let row = (i - layer.offset) / layer.columns;
  let column = (i - layer.offset) % layer.columns;
  if (row >= layer.outputs) { return nowhere; }
  if (column < layer.inputs) { return layer.weight + row * layer.rowStride + column * layer.columnStride; }
  if (column == layer.inputs && layer.bias != nowhere) { return layer.bias + row; }
  return nowhere;
}
