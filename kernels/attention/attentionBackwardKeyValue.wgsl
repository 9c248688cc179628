// dk and dv of attention, summed over the query heads that share a key head; arguments of attentionSlopes.wgsl:
//   dk_j = scale * sum over i of ds_ij q_i;  dv_j = sum over i of p_ij D_ij dy_i
//   -> dkv [batch, 2, kvHeads, capacity, headDim], dk in part 0, dv in part 1
// A workgroup owns 32 keys of one key head and walks over the queries, 32 at a time: no two workgroups write the same
// element, and keys that no query sees get zeros. The four tiles fill the 16 KiB that every adapter has.
// Follows attentionSlopes.wgsl. Twin: assembly/compute/attention/attentionBackwardKeyValue.ts
@group(0) @binding(8) var<storage, read_write> dkv: array<f32>;

var<workgroup> slopes: array<vec4f, 256>;        // [query][g]: ds of keys 4 g .. 4 g + 3

// Plain rows of q into queryTile and of dy into keyTile.
fn loadRowDims(base: u32, q0: u32, e0: u32, lane: u32) {
  let e = e0 + 4u * (lane % GROUPS);
  for (var j = lane / GROUPS; j < BLOCK; j += 8u) {
    let at = j * GROUPS + lane % GROUPS;
    let row = q0 + j;
    queryTile[at] = vec4f(queryAt(base, row, e), queryAt(base, row, e + 1u), queryAt(base, row, e + 2u),
      queryAt(base, row, e + 3u));
    keyTile[at] = vec4f(gradientAt(base, row, e), gradientAt(base, row, e + 1u), gradientAt(base, row, e + 2u),
      gradientAt(base, row, e + 3u));
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let blocks = (shape.capacity + BLOCK - 1u) / BLOCK;
  let tile = group.x + group.y * groups.x;       // y continues x: one side of a grid ends at 65535
  let kvHead = tile / blocks;                    // over batch and key heads
  if (kvHead >= shape.batch * shape.kvHeads) { return; }
  let b = kvHead / shape.kvHeads;
  let sharing = shape.heads / shape.kvHeads;     // query heads a key head
  let k0 = (tile % blocks) * BLOCK;
  let x = lane % 8u;
  let y = lane / 8u;
  let seen = keysOf(b);
  // Earlier queries see none of these keys; no query sees keys out of range.
  let causalBegin = select(0u, max(k0, shape.past) - shape.past, shape.causal != 0u);
  let begin = select(causalBegin, shape.queries, k0 >= seen.y || k0 + BLOCK <= seen.x);
  // Later queries than these see none of the keys within their span.
  let spanned = max(k0 + BLOCK - 1u + shape.span, shape.past) - shape.past;
  let end = select(shape.queries, min(shape.queries, spanned), shape.span != 0u);

  var accK: array<mat4x4f, HEAD_BLOCKS>;         // [dim block]: a column of four dims for each key
  var accV: array<mat4x4f, HEAD_BLOCKS>;
  for (var h = 0u; h < sharing; h++) {
    let head = b * shape.heads + (kvHead % shape.kvHeads) * sharing + h;
    for (var q0 = begin; q0 < end; q0 += BLOCK) {
      let block = slopeBlock(head, q0, k0, seen, lane);
      let t = transpose(block.slopes);           // now a column of four keys for each query
      let p = transpose(dropped(block.p, head * shape.queries + q0 + 4u * y, k0 + 4u * x));
      let at = 4u * y * GROUPS + x;
      slopes[at] = t[0];
      slopes[at + GROUPS] = t[1];
      slopes[at + 2u * GROUPS] = t[2];
      slopes[at + 3u * GROUPS] = t[3];
      weights[at] = p[0];
      weights[at + GROUPS] = p[1];
      weights[at + 2u * GROUPS] = p[2];
      weights[at + 3u * GROUPS] = p[3];
      for (var u = 0u; u < HEAD_BLOCKS; u++) {
        workgroupBarrier();
        loadRowDims(head * shape.queries, q0, u * BLOCK, lane);
        workgroupBarrier();
        let a = accK[u];
        let b = accV[u];
        var a0 = a[0]; var a1 = a[1]; var a2 = a[2]; var a3 = a[3];
        var b0 = b[0]; var b1 = b[1]; var b2 = b[2]; var b3 = b[3];
        for (var j = 0u; j < BLOCK; j++) {
          let t = slopes[j * GROUPS + y];
          let l = queryTile[j * GROUPS + x];
          a0 += t.x * l; a1 += t.y * l; a2 += t.z * l; a3 += t.w * l;
          let p = weights[j * GROUPS + y];
          let r = keyTile[j * GROUPS + x];
          b0 += p.x * r; b1 += p.y * r; b2 += p.z * r; b3 += p.w * r;
        }
        accK[u] = mat4x4f(a0, a1, a2, a3);
        accV[u] = mat4x4f(b0, b1, b2, b3);
      }
    }
  }

  let part = shape.kvHeads * shape.capacity * shape.headDim;
  for (var i = 0u; i < 4u; i++) {
    let key = k0 + 4u * y + i;
    if (key >= shape.capacity) { return; }
    let row = b * part + (kvHead * shape.capacity + key) * shape.headDim;   // two parts for each batch row before
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      for (var d = 0u; d < 4u; d++) {
        let e = u * BLOCK + 4u * x + d;
        if (e < shape.headDim) {
          dkv[row + e] = accK[u][i][d] * shape.scale;
          dkv[row + part + e] = accV[u][i][d];
        }
      }
    }
  }
}
