// dq of attention: dq_i = scale * sum over j of ds_ij k_j; arguments of attentionSlopes.wgsl -> dq as q
// A workgroup owns 32 queries of one head and walks over the keys, 32 at a time.
// Follows attentionSlopes.wgsl. Twin: assembly/compute/attention/attentionBackwardQuery.ts
@group(0) @binding(8) var<storage, read_write> dq: array<f32>;

fn loadKeyDims(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  let e = e0 + 4u * (lane % GROUPS);
  for (var j = lane / GROUPS; j < BLOCK; j += 8u) {
    keyTile[j * GROUPS + lane % GROUPS] = vec4f(keyAt(base, k0 + j, e, seen), keyAt(base, k0 + j, e + 1u, seen),
      keyAt(base, k0 + j, e + 2u, seen), keyAt(base, k0 + j, e + 3u, seen));
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let blocks = (shape.queries + BLOCK - 1u) / BLOCK;
  let tile = group.x + group.y * groups.x;       // y continues x: one side of a grid ends at 65535
  let head = tile / blocks;                      // over batch and heads
  if (head >= shape.batch * shape.heads) { return; }
  let keyBase = kvHeadOf(head) * shape.capacity;
  let q0 = (tile % blocks) * BLOCK;
  let seen = keysOf(head / shape.heads);
  let end = lastKeyOf(q0, seen);

  var acc: array<mat4x4f, HEAD_BLOCKS>;          // [dim block]: a column of four dims for each query
  for (var k0 = firstSeen(seen.x, shape.past + q0); k0 < end; k0 += BLOCK) {
    storeWeights(slopeBlock(head, q0, k0, seen, lane).slopes, lane);
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      workgroupBarrier();
      loadKeyDims(keyBase, k0, u * BLOCK, seen, lane);
      workgroupBarrier();
      acc[u] += weightedSum(lane);
    }
  }

  let first = q0 + 4u * (lane / 8u);
  for (var i = 0u; i < 4u; i++) {
    if (first + i >= shape.queries) { return; }
    let row = head * shape.queries + first + i;
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      let value = acc[u][i] * shape.scale;
      for (var d = 0u; d < 4u; d++) {
        let e = u * BLOCK + 4u * (lane % 8u) + d;
        if (e < shape.headDim) { dq[row * shape.headDim + e] = value[d]; }
      }
    }
  }
}
