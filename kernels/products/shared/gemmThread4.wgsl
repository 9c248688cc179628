// Follows gemmThreads.wgsl. The loop of gemmTile.wgsl with 4 x 4 elements of c a thread: more threads for the same tile, where c is small.
const SIDE: u32 = 4u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let place = placeOf(group.x + group.y * groups.x);  // y continues x: one side of a grid ends at 65535
  let start = place.part * shape.part;
  if (start >= shape.k) { return; }           // the same for the whole workgroup
  let end = min(start + shape.part, shape.k);
  let seat = seatOf(lane);
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  for (var k0 = start; k0 < end; k0 += DEPTH) {
    workgroupBarrier();                       // everyone is done with the tiles of the step before
    fillTiles(place, k0, end, lane);
    workgroupBarrier();
    for (var e = 0u; e < DEPTH; e++) {
      let p = aTile[e * GROUPS_M + seat.y];
      let l = bTile[e * GROUPS_N + seat.x];
      c0 += p.x * l;
      c1 += p.y * l;
      c2 += p.z * l;
      c3 += p.w * l;
    }
  }
  let row = place.row + 4u * seat.y;
  let col = place.col + 4u * seat.x;
  store(place.part, row, col, c0);
  store(place.part, row + 1u, col, c1);
  store(place.part, row + 2u, col, c2);
  store(place.part, row + 3u, col, c3);
}
