// What gemmThread8.wgsl and gemmThread4.wgsl share: tiles of f32, and which SIDE x SIDE elements of c each thread has.
// Follows gemmTile.wgsl.
override DOWN: u32 = 8u;                      // threads along m, a multiple of 4
override ACROSS: u32 = 8u;                    // threads along n, a multiple of 8
override THREADS: u32 = DOWN * ACROSS;
override TILE_M: u32 = DOWN * SIDE;
override TILE_N: u32 = ACROSS * SIDE;

// Position (x, y) of thread `lane` in the tile: 32 threads share 8 groups of columns and 4 of rows, the fewest fetches.
fn seatOf(lane: u32) -> vec2u {
  const wide = 8u;
  const high = 4u;
  let blocks = ACROSS / wide;
  let block = lane / (wide * high);
  return vec2u(lane % wide + wide * (block % blocks), (lane / wide) % high + high * (block / blocks));
}
