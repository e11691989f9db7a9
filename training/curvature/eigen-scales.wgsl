// scales = products of the eigenvalues of both factors, in the joint layout: the eigenvalues of G (x) A.
// KNOWN: layers that have measured scales keep them. spectraOf[layer] = (first eigenvalue of A, of G)
struct Params { count: u32 }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${ROW}u + id.x;
  if (i >= params.count) { return; }
  let index = blocks[i / 64u];
#if KNOWN
  if (known[index] != 0u) { return; }
#end
  let layer = layers[index];
  let row = (i - layer.offset) / layer.columns;
  let column = (i - layer.offset) % layer.columns;
  var scale = 0.0;
  if (row < layer.outputs) { scale = spectra[spectraOf[index].y + row] * spectra[spectraOf[index].x + column]; }
  scales[i] = scale;
}
