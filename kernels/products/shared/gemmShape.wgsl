// What all products bind: c [m, n] (+)= A B. Files of elements/, which come first, know how a, b and c are stored:
// a4(at), b4(at), put(at, left, add, value), columnScale4(col), depthScale4(k), bias4(col), for four neighbours each.
// Operands may be windows of larger matrices: base is the first element inside the binding, stride the row length.
struct Shape {
  m: u32, n: u32, k: u32, accumulate: u32,
  aBase: u32, aStride: u32, bBase: u32, bStride: u32, cBase: u32, cStride: u32,
  scale: f32,                                 // of b as a whole
  firstScale: u32,                            // of the columns, the steps of k or the groups of this window, where b has scales
  part: u32,                                  // steps of k of one part (gemmTile.wgsl); k or more: no split
  firstBias: u32,                             // of the columns of this window, where there is a bias
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> a: array<aElement>;
@group(0) @binding(2) var<storage, read> b: array<bElement>;
@group(0) @binding(C_BINDING) var<storage, read_write> c: array<cElement>;
