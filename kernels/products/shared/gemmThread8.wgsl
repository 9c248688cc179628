// Follows gemmThreads.wgsl. The loop of gemmTile.wgsl with 8 x 8 elements of c a thread: rows 4 y + 0..3 of the upper and of the lower half of the
// tile, columns likewise, in 16 vec4 accumulators, spelt out so that they stay in registers.
// The next step's blocks are fetched while this step is multiplied, so that a workgroup need not wait for memory. Two
// steps of k stand in the loop: drivers do not unroll it, and on an H200 one step took a third longer.
const SIDE: u32 = 8u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group.x + group.y * groups.x);  // y continues x: one side of a grid ends at 65535
  let start = place.part * shape.part;
  if (start >= shape.k) { return; }           // the same for the whole workgroup
  let end = min(start + shape.part, shape.k);
  let seat = seatOf(lane);
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var d0 = vec4f(); var d1 = vec4f(); var d2 = vec4f(); var d3 = vec4f();
  var d4 = vec4f(); var d5 = vec4f(); var d6 = vec4f(); var d7 = vec4f();
  // A thread has one block, or two where a tile has more blocks than threads.
  var block: mat4x4f;
  var second: mat4x4f;
  block = fetchBlock(place, start, end, lane);
  if (BLOCKS > THREADS) { second = fetchBlock(place, start, end, lane + THREADS); }
  for (var k0 = start; k0 < end; k0 += DEPTH) {
    workgroupBarrier();                       // everyone is done with the tiles of the step before
    layBlock(lane, block);
    if (BLOCKS > THREADS) { layBlock(lane + THREADS, second); }
    workgroupBarrier();
    if (k0 + DEPTH < end) {
      block = fetchBlock(place, k0 + DEPTH, end, lane);
      if (BLOCKS > THREADS) { second = fetchBlock(place, k0 + DEPTH, end, lane + THREADS); }
    }
    for (var e = 0u; e < DEPTH; e += 2u) {
      {
        let p = aTile[e * GROUPS_M + seat.y];
        let q = aTile[e * GROUPS_M + seat.y + DOWN];
        let l = bTile[e * GROUPS_N + seat.x];
        let r = bTile[e * GROUPS_N + seat.x + ACROSS];
        c0 += p.x * l; d0 += p.x * r;
        c1 += p.y * l; d1 += p.y * r;
        c2 += p.z * l; d2 += p.z * r;
        c3 += p.w * l; d3 += p.w * r;
        c4 += q.x * l; d4 += q.x * r;
        c5 += q.y * l; d5 += q.y * r;
        c6 += q.z * l; d6 += q.z * r;
        c7 += q.w * l; d7 += q.w * r;
      }
      {
        let p = aTile[(e + 1u) * GROUPS_M + seat.y];
        let q = aTile[(e + 1u) * GROUPS_M + seat.y + DOWN];
        let l = bTile[(e + 1u) * GROUPS_N + seat.x];
        let r = bTile[(e + 1u) * GROUPS_N + seat.x + ACROSS];
        c0 += p.x * l; d0 += p.x * r;
        c1 += p.y * l; d1 += p.y * r;
        c2 += p.z * l; d2 += p.z * r;
        c3 += p.w * l; d3 += p.w * r;
        c4 += q.x * l; d4 += q.x * r;
        c5 += q.y * l; d5 += q.y * r;
        c6 += q.z * l; d6 += q.z * r;
        c7 += q.w * l; d7 += q.w * r;
      }
    }
  }
  let row = place.row + 4u * seat.y;
  let low = row + 4u * DOWN;
  let col = place.col + 4u * seat.x;
  let right = col + 4u * ACROSS;
  let part = place.part;
  store(part, row, col, c0); store(part, row, right, d0);
  store(part, row + 1u, col, c1); store(part, row + 1u, right, d1);
  store(part, row + 2u, col, c2); store(part, row + 2u, right, d2);
  store(part, row + 3u, col, c3); store(part, row + 3u, right, d3);
  store(part, low, col, c4); store(part, low, right, d4);
  store(part, low + 1u, col, c5); store(part, low + 1u, right, d5);
  store(part, low + 2u, col, c6); store(part, low + 2u, right, d6);
  store(part, low + 3u, col, c7); store(part, low + 3u, right, d7);
}
