// taken = some columns of some rows of x, as rows of whole vec4s: (columns, 1 where ONES, zeros), times the row's weight
// where MASKED. Position r of example n of this use becomes position `shift` + r of all uses.
struct Params {
  count: u32, quads: u32, firstRow: u32, positions: u32, allPositions: u32, shift: u32, stride: u32, column: u32, width: u32
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let row = i / params.quads;
  let quad = i % params.quads;
#if MASKED
  let weight = weights[params.firstRow + row];
#else
  let weight = 1.0;
#end
  var value = vec4f();
  for (var c = 0u; c < 4u; c++) {
    let column = quad * 4u + c;
    if (column < params.width) {
      value[c] = weight * x[(params.firstRow + row) * params.stride + params.column + column];
    }
#if ONES
    if (column == params.width) { value[c] = weight; }
#end
  }
  let place = row / params.positions * params.allPositions + params.shift + row % params.positions;
  taken[place * params.quads + quad] = value;
}
