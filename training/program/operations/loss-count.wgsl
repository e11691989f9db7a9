// How many targets of each row count: present[m]. One thread per row.
//   BINARY  targets [M, C] as bits: those that are not NaN (told by their bits, since compilers may take NaN for
//           impossible) and, if MASKED, whose mask is not 0
//   else    labels [M] other than `ignored`
struct Params { m: u32, c: u32, ignored: u32 }

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.m) { return; }
#if BINARY
  var count = 0.0;
  for (var i = row * params.c; i < (row + 1u) * params.c; i++) {
    var counts = (targets[i] & 0x7fffffffu) <= 0x7f800000u;
#if MASKED
    counts = counts && mask[i] != ${MASK_TYPE}();
#end
    count += select(0.0, 1.0, counts);
  }
  present[row] = count;
#else
  present[row] = select(1.0, 0.0, labels[row] == params.ignored);
#end
}
