// c [m, n] (+)= a [m, k] b[n, k]^T. Logits from a tied embedding; dx = dy w^T.
// Follows gemmPlace.wgsl. A block holds four steps of k, each with four rows of A or four columns of B.
// Twin: assembly/compute/products/gemm.ts
const A_ALONG_K = true;
const B_ALONG_K = true;

// First elements of rows row .. row + 3; past the end, of the last row.
fn locateA(row: u32) -> vec4u {
  return shape.aBase + min(row + vec4u(0u, 1u, 2u, 3u), vec4u(shape.m - 1u)) * shape.aStride;
}
fn fetchA(rows: vec4u, k: u32) -> mat4x4f {
  return transpose(mat4x4f(a4(rows.x + k), a4(rows.y + k), a4(rows.z + k), a4(rows.w + k)));
}

// First elements of columns col .. col + 3, which are rows in memory; past the end, of the last one.
fn locateB(col: u32) -> vec4u {
  return shape.bBase + min(col + vec4u(0u, 1u, 2u, 3u), vec4u(shape.n - 1u)) * shape.bStride;
}
fn fetchB(columns: vec4u, k: u32) -> mat4x4f {
  return transpose(mat4x4f(b4(columns.x + k), b4(columns.y + k), b4(columns.z + k), b4(columns.w + k)));
}
