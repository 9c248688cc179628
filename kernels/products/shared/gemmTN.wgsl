// c [m, n] (+)= a[k, m]^T b [k, n]. Weight gradients: dw = x^T dy.
// Follows gemmPlace.wgsl. A block holds four steps of k, each with four rows of A or four columns of B.
// Twin: assembly/compute/products/gemm.ts
const A_ALONG_K = false;
const B_ALONG_K = false;

// Row `row`, a column in memory, in the first four rows of memory.
fn locateA(row: u32) -> vec4u {
  return shape.aBase + row + vec4u(0u, 1u, 2u, 3u) * shape.aStride;
}
fn fetchA(rows: vec4u, k: u32) -> mat4x4f {
  let at = rows + k * shape.aStride;
  return mat4x4f(a4(at.x), a4(at.y), a4(at.z), a4(at.w));
}

// Column col in the first four rows of memory.
fn locateB(col: u32) -> vec4u {
  return shape.bBase + col + vec4u(0u, 1u, 2u, 3u) * shape.bStride;
}
fn fetchB(columns: vec4u, k: u32) -> mat4x4f {
  let at = columns + k * shape.bStride;
  return mat4x4f(b4(at.x), b4(at.y), b4(at.z), b4(at.w));
}
