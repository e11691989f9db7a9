// Sorts the positions of an index by what they point to, stably: one pass of a radix sort per four bits of the value.
// Values beyond ROWS - 1 count as ROWS and come last. A block of LENGTH positions is one thread's.
//   COUNT    how often each digit comes in each block: counts[digit, block]
//   SCAN     one thread per digit: counts becomes what comes before in earlier blocks, then the digit's total
//   PLACE    writes each position where it belongs
//   OFFSETS  one thread per row: where its positions start, by binary search
// FIRST: the pass reads the positions as they are.
struct Params { count: u32, blocks: u32, length: u32, shift: u32, rows: u32 }

fn valueOf(position: u32) -> u32 { return min(index[position], params.rows); }

#if COUNT || PLACE
fn positionAt(k: u32) -> u32 {
#if FIRST
  return k;
#else
  return before[k];
#end
}
#end

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
#if SCAN
  if (i >= 16u) { return; }
  var sum = 0u;
  for (var block = 0u; block < params.blocks; block++) {
    let count = counts[i * params.blocks + block];
    counts[i * params.blocks + block] = sum;
    sum += count;
  }
  counts[16u * params.blocks + i] = sum;
#end
#if OFFSETS
  if (i > params.rows) { return; }
  var low = 0u;
  var high = params.count;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (valueOf(order[middle]) < i) { low = middle + 1u; } else { high = middle; }
  }
  offsets[i] = low;
#end
#if COUNT || PLACE
  if (i >= params.blocks) { return; }
  let first = i * params.length;
  let last = min(first + params.length, params.count);
  var places: array<u32, 16>;
#if PLACE
  var base = 0u;
  for (var digit = 0u; digit < 16u; digit++) {
    places[digit] = base + counts[digit * params.blocks + i];
    base += counts[16u * params.blocks + digit];
  }
#end
  for (var k = first; k < last; k++) {
    let position = positionAt(k);
    let digit = (valueOf(position) >> params.shift) & 15u;
#if PLACE
    after[places[digit]] = position;
#end
    places[digit]++;
  }
#if COUNT
  for (var digit = 0u; digit < 16u; digit++) { counts[digit * params.blocks + i] = places[digit]; }
#end
#end
}
