// Which tile of c a workgroup of a product owns, and how it stores a row of it. Follows gemmShape.wgsl; whoever follows this
// file says how large a tile is: TILE_M rows, TILE_N columns.
//
// Split-K: where c has few tiles and k is long, parts of k, whole steps of 16, go to workgroups of their own, part p
// to the p-th [m, n] of c, which is then a temporary that gemmSum.wgsl adds up in fixed order.
const BAND: u32 = 8u;                         // rows of tiles that are walked together, so that their columns of B stay cached

struct Place { row: u32, col: u32, part: u32 }

// The tile and the part of k of a workgroup: down a band of tiles first, then across. Past the end, part * shape.part
// >= k.
fn placeOf(index: u32) -> Place {
  let down = (shape.m + TILE_M - 1u) / TILE_M;
  let across = (shape.n + TILE_N - 1u) / TILE_N;
  let tile = index % (down * across);
  let band = tile / (BAND * across);
  let inBand = tile % (BAND * across);
  let rows = min(BAND, down - band * BAND);
  return Place((band * BAND + inBand % rows) * TILE_M, (inBand / rows) * TILE_N, index / (down * across));
}

// Columns col .. col + 3 of a row of c.
fn store(part: u32, row: u32, col: u32, value: vec4f) {
  if (row >= shape.m || col >= shape.n) { return; }
  put(shape.cBase + (part * shape.m + row) * shape.cStride + col, shape.n - col, shape.accumulate != 0u,
      value * columnScale4(col) + bias4(col));
}
