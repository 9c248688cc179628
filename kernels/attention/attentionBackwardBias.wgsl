// The first step of dbias: of each head and diagonal of blocks (32 queries by 32 keys, `diagonal` blocks apart),
// sums of ds by relative position, over the batch and the blocks of the diagonal, in order; arguments of
// attentionSlopes.wgsl -> partial [heads, diagonals, 64], entry t for key - query = 32 * diagonal + t - 31
// A workgroup owns a diagonal of a head, a thread one relative position. attentionBiasSum.wgsl adds neighbours.
// Follows attentionSlopes.wgsl. Twin: assembly/compute/attention/attentionBackwardBias.ts
@group(0) @binding(8) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let queryBlocks = (shape.queries + BLOCK - 1u) / BLOCK;
  let keyBlocks = (shape.capacity + BLOCK - 1u) / BLOCK;
  let diagonals = queryBlocks + keyBlocks - 1u;
  let tile = group.x + group.y * groups.x;       // y continues x: one side of a grid ends at 65535
  let h = tile / diagonals;
  if (h >= shape.heads) { return; }
  // Key block = query block + shift - (queryBlocks - 1).
  let shift = tile % diagonals;
  let begin = queryBlocks - 1u - min(shift, queryBlocks - 1u);
  let end = min(queryBlocks, keyBlocks + queryBlocks - 1u - shift);

  var sum = 0.0;
  for (var b = 0u; b < shape.batch; b++) {
    let seen = keysOf(b);
    for (var block = begin; block < end; block++) {
      let q0 = block * BLOCK;
      let k0 = (block + shift + 1u - queryBlocks) * BLOCK;
      // The same for the whole workgroup, so barriers stay legal.
      if (k0 + BLOCK <= firstSeen(seen.x, shape.past + q0) || k0 >= lastKeyOf(q0, seen)) { continue; }
      storeWeights(slopeBlock(b * shape.heads + h, q0, k0, seen, lane).slopes, lane);
      workgroupBarrier();
      // Pairs of the block with key - query = lane - 31; lane 63 has none.
      for (var j = max(lane, 31u) - 31u; j < min(lane + 1u, BLOCK); j++) {
        let i = j + 31u - lane;
        sum += weights[j * GROUPS + i / 4u][i % 4u];
      }
    }
  }
  partial[tile * 64u + lane] = sum;
}
