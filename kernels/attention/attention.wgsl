// Attention forward: y = D(softmax(scale * q k^T + bias)) v, head by head, no score matrix in memory. D is dropout.
//   arguments of attentionShape.wgsl -> y as q, stats [batch, heads, queries, 2]: log-sum-exp of the scores (0 when no key is
//   seen), then 0
// A workgroup owns 32 queries of one head and walks over the keys, 32 at a time, with a running maximum.
// HEAD_BLOCKS, from the prelude, is headDim / 32 rounded up. Follows attentionTile.wgsl. Twin: assembly/compute/attention/attention.ts
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;

var<workgroup> shares: array<vec4f, 64>;         // [y][x]: a thread's part of a maximum or sum over keys

fn loadValueDims(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  let e = e0 + 4u * (lane % GROUPS);
  for (var j = lane / GROUPS; j < BLOCK; j += 8u) {
    keyTile[j * GROUPS + lane % GROUPS] = vec4f(valueAt(base, k0 + j, e, seen), valueAt(base, k0 + j, e + 1u, seen),
      valueAt(base, k0 + j, e + 2u, seen), valueAt(base, k0 + j, e + 3u, seen));
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let blocks = (shape.queries + BLOCK - 1u) / BLOCK;
  let tile = group.x + group.y * groups.x;       // y continues x: one side of a grid ends at 65535
  let head = tile / blocks;                      // over batch and heads
  if (head >= shape.batch * shape.heads) { return; }
  let queryBase = head * shape.queries;
  let keyBase = kvHeadOf(head) * shape.capacity;
  let q0 = (tile % blocks) * BLOCK;
  let x = lane % 8u;
  let y4 = lane / 8u;
  let first = q0 + 4u * y4;
  let seen = keysOf(head / shape.heads);
  let end = lastKeyOf(q0, seen);

  var acc: array<mat4x4f, HEAD_BLOCKS>;          // [dim block]: a column of four dims for each query
  var top = vec4f(LOWEST);
  var sum = vec4f();                             // over this thread's keys only, until the end
  for (var k0 = firstSeen(seen.x, shape.past + q0); k0 < end; k0 += BLOCK) {
    let s = blockScores(head, q0, k0, seen, lane);
    let key = k0 + 4u * x;
    let seen0 = sees(key, first, seen);
    let seen1 = sees(key + 1u, first, seen);
    let seen2 = sees(key + 2u, first, seen);
    let seen3 = sees(key + 3u, first, seen);
    let s0 = select(vec4f(LOWEST), s[0], seen0);
    let s1 = select(vec4f(LOWEST), s[1], seen1);
    let s2 = select(vec4f(LOWEST), s[2], seen2);
    let s3 = select(vec4f(LOWEST), s[3], seen3);
    shares[lane] = max(max(s0, s1), max(s2, s3));
    workgroupBarrier();
    var highest = top;
    for (var i = 0u; i < 8u; i++) { highest = max(highest, shares[y4 * 8u + i]); }
    let fade = exp4(top - highest);              // what was summed so far, at the new maximum
    top = highest;
    let p0 = select(vec4f(), exp4(s0 - top), seen0);
    let p1 = select(vec4f(), exp4(s1 - top), seen1);
    let p2 = select(vec4f(), exp4(s2 - top), seen2);
    let p3 = select(vec4f(), exp4(s3 - top), seen3);
    sum = sum * fade + ((p0 + p1) + (p2 + p3));
    storeWeights(dropped(mat4x4f(p0, p1, p2, p3), queryBase + first, key), lane);
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      workgroupBarrier();
      loadValueDims(keyBase, k0, u * BLOCK, seen, lane);
      workgroupBarrier();
      let a = acc[u];
      acc[u] = mat4x4f(a[0] * fade.x, a[1] * fade.y, a[2] * fade.z, a[3] * fade.w) + weightedSum(lane);
    }
  }

  workgroupBarrier();
  shares[lane] = sum;
  workgroupBarrier();
  var all = vec4f();
  for (var i = 0u; i < 8u; i++) { all += shares[y4 * 8u + i]; }
  for (var i = 0u; i < 4u; i++) {
    if (first + i >= shape.queries) { return; }
    let row = queryBase + first + i;
    let scale = select(0.0, 1.0 / all[i], all[i] > 0.0);
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      let value = acc[u][i] * scale;
      for (var d = 0u; d < 4u; d++) {
        let e = u * BLOCK + 4u * x + d;
        if (e < shape.headDim) { y[row * shape.headDim + e] = value[d]; }
      }
    }
    if (x == 0u) {
      stats[2u * row] = select(0.0, top[i] + logExact(max(all[i], 1.0e-37)), all[i] > 0.0);
      stats[2u * row + 1u] = 0.0;
    }
  }
}
