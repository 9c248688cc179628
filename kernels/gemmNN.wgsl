// c [m, n] (+)= a [m, k] b [k, n]. Forward of a linear layer whose weight is stored [in, out].
// Follows gemmTile.wgsl, which has the bindings and the loop. Twin: assembly/compute/gemmNN.ts

// Four rows of A at one k: neighbouring threads take neighbouring k, which lie side by side in memory.
fn loadA(row0: u32, k0: u32, slot: u32) {
  let e = slot % DEPTH;
  let g = slot / DEPTH;
  let k = k0 + e;
  var value = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let row = row0 + 4u * g + i;
    if (row < shape.m && k < shape.k) { value[i] = f32(a[shape.aBase + row * shape.aStride + k]); }
  }
  aTile[e * GROUPS + g] = value;
}

// Four neighbours of B in one row of memory.
fn loadB(col0: u32, k0: u32, slot: u32) {
  let e = slot / GROUPS;
  let g = slot % GROUPS;
  let k = k0 + e;
  var value = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let col = col0 + 4u * g + i;
    if (col < shape.n && k < shape.k) { value[i] = f32(b[shape.bBase + k * shape.bStride + col]); }
  }
  bTile[e * GROUPS + g] = value;
}
