// c [m, n] (+)= a [m, k] b [k, n]. Forward of a linear layer whose weight is stored [in, out]; dx = dy w of one that is
// stored [out, in].
// Follows gemmPlace.wgsl. A block holds four steps of k, each with four rows of A or four columns of B.
// Twin: assembly/compute/products/gemm.ts
const A_ALONG_K = true;
const B_ALONG_K = false;

// First elements of rows row .. row + 3; past the end, of the last row.
fn locateA(row: u32) -> vec4u {
  return shape.aBase + min(row + vec4u(0u, 1u, 2u, 3u), vec4u(shape.m - 1u)) * shape.aStride;
}
fn fetchA(rows: vec4u, k: u32) -> mat4x4f {
  let block = transpose(mat4x4f(a4(rows.x + k), a4(rows.y + k), a4(rows.z + k), a4(rows.w + k)));
  let scale = depthScale4(k);
  return mat4x4f(block[0] * scale.x, block[1] * scale.y, block[2] * scale.z, block[3] * scale.w);
}

// Column col in the first four rows of memory.
fn locateB(col: u32) -> vec4u {
  return shape.bBase + col + vec4u(0u, 1u, 2u, 3u) * shape.bStride;
}
fn fetchB(columns: vec4u, k: u32) -> mat4x4f {
  let at = columns + k * shape.bStride;
  return mat4x4f(b4(at.x), b4(at.y), b4(at.z), b4(at.w));
}
