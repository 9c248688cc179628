// c [m, n] (+)= a[k, m]^T b [k, n]. Weight gradients: dw = x^T dy.
// Follows gemmTile.wgsl, which has the bindings and the loop. Twin: assembly/compute/gemmTN.ts

// Four neighbours of A in one row of memory.
fn loadA(row0: u32, k0: u32, slot: u32) {
  let e = slot / GROUPS;
  let g = slot % GROUPS;
  let k = k0 + e;
  var value = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let row = row0 + 4u * g + i;
    if (row < shape.m && k < shape.k) { value[i] = f32(a[shape.aBase + k * shape.aStride + row]); }
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
