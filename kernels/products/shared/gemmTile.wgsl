// What the tiled products that multiply in f32 share: c [m, n] (+)= A B. A shader is put together from
//   1. a file of elements/ for each operand, and gemmShape.wgsl: how four neighbours of a, b and c are stored, the bindings,
//   2. gemmNN, gemmNT or gemmTN.wgsl: locateA, fetchA, locateB, fetchB, which know how A and B are laid out, and
//      gemmPlace.wgsl: which tile a workgroup owns, storing,
//   3. gemmTile.wgsl, this file: filling the tiles,
//   4. main and the sides of a tile: gemmThread8.wgsl or gemmThread4.wgsl, 8 x 8 or 4 x 4 elements of c a thread.
//      gemmMatrices.wgsl, subgroup matrices, has tiles of its own.
//
// Bounds cost nothing in the inner loop. Rows of A and columns of B past the edges hold arbitrary values (an index past
// the end of a binding reads something inside it): they only reach elements of c that are not stored. Steps of k past
// the end are zeros on both sides.

override GROUPS_M: u32 = TILE_M / 4u;
override GROUPS_N: u32 = TILE_N / 4u;
const DEPTH: u32 = 16u;                       // steps along k between two barriers
// [e * GROUPS + g] holds the elements 4 g .. 4 g + 3 of step e: threads fetch fours, eight neighbours of vec4f all 32
// banks.
var<workgroup> aTile: array<vec4f, DEPTH * GROUPS_M>;
var<workgroup> bTile: array<vec4f, DEPTH * GROUPS_N>;

// Slot -> group of four rows or columns (x) and block of four steps (y). Where k is contiguous in memory, eight
// neighbours take eight groups and the next eight the next block: whole 64-byte pieces are read, and written without
// bank conflicts.
fn slotOf(slot: u32, groups: u32, alongK: bool) -> vec2u {
  const blocks = DEPTH / 4u;
  if (alongK) { return vec2u(slot % 8u + slot / (8u * blocks) * 8u, (slot / 8u) % blocks); }
  return vec2u(slot % groups, slot / groups);
}

// Steps k .. k + 3 of a block, those from `end` on as zeros.
fn upTo(end: u32, k: u32, block: mat4x4f) -> mat4x4f {
  if (k + 4u <= end) { return block; }
  let none = vec4f();
  return mat4x4f(select(none, block[0], k < end), select(none, block[1], k + 1u < end), select(none, block[2], k + 2u < end), none);
}

// The tiles of a step are filled in blocks of four steps by four rows or columns: those of A, then those of B.
override BLOCKS_A: u32 = GROUPS_M * (DEPTH / 4u);
override BLOCKS: u32 = (GROUPS_M + GROUPS_N) * (DEPTH / 4u);

// Block i of steps k0 .. k0 + DEPTH - 1.
fn fetchBlock(place: Place, k0: u32, end: u32, i: u32) -> mat4x4f {
  if (i < BLOCKS_A) {
    let slot = slotOf(i, GROUPS_M, A_ALONG_K);
    let k = k0 + 4u * slot.y;
    return upTo(end, k, fetchA(locateA(place.row + 4u * slot.x), k));
  }
  let slot = slotOf(i - BLOCKS_A, GROUPS_N, B_ALONG_K);
  let k = k0 + 4u * slot.y;
  return upTo(end, k, fetchB(locateB(place.col + 4u * slot.x), k));
}

fn layBlock(i: u32, block: mat4x4f) {
  if (i < BLOCKS_A) {
    let slot = slotOf(i, GROUPS_M, A_ALONG_K);
    let at = 4u * slot.y * GROUPS_M + slot.x;
    aTile[at] = block[0];
    aTile[at + GROUPS_M] = block[1];
    aTile[at + 2u * GROUPS_M] = block[2];
    aTile[at + 3u * GROUPS_M] = block[3];
  } else {
    let slot = slotOf(i - BLOCKS_A, GROUPS_N, B_ALONG_K);
    let at = 4u * slot.y * GROUPS_N + slot.x;
    bTile[at] = block[0];
    bTile[at + GROUPS_N] = block[1];
    bTile[at + 2u * GROUPS_N] = block[2];
    bTile[at + 3u * GROUPS_N] = block[3];
  }
}

fn fillTiles(place: Place, k0: u32, end: u32, lane: u32) {
  for (var i = lane; i < BLOCKS; i += THREADS) { layBlock(i, fetchBlock(place, k0, end, i)); }
}
