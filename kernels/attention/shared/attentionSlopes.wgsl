// Gradients of scores, ds_ij = p_ij (D_ij dy_i . v_j - delta_i), p_ij = exp(score_ij - lse_i): the backward shaders of
// attention are sums of them. D is dropout. dy as q, stats [batch, heads, queries, 2] = (lse, delta).
// Follows attentionTile.wgsl. Twin: assembly/compute/attention/shared/attentionSlopes.ts
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read> stats: array<f32>;

// Rows past the end and dims past headDim are zeros.
fn gradientAt(base: u32, row: u32, e: u32) -> f32 {
  if (row >= shape.queries || e >= shape.headDim) { return 0.0; }
  return dy[(base + row) * shape.headDim + e];
}
fn loadGradients(base: u32, q0: u32, e0: u32, lane: u32) {
  let e = lane % BLOCK;                       // neighbouring threads read neighbouring dims
  for (var g = lane / BLOCK; g < GROUPS; g += 2u) {
    let row = q0 + 4u * g;
    queryTile[e * GROUPS + g] = vec4f(gradientAt(base, row, e0 + e), gradientAt(base, row + 1u, e0 + e),
      gradientAt(base, row + 2u, e0 + e), gradientAt(base, row + 3u, e0 + e));
  }
}
fn loadValues(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  let e = lane % BLOCK;
  for (var g = lane / BLOCK; g < GROUPS; g += 2u) {
    let row = k0 + 4u * g;
    keyTile[e * GROUPS + g] = vec4f(valueAt(base, row, e0 + e, seen), valueAt(base, row + 1u, e0 + e, seen),
      valueAt(base, row + 2u, e0 + e, seen), valueAt(base, row + 3u, e0 + e, seen));
  }
}

struct Block {
  p: mat4x4f,                                 // probabilities before dropout
  slopes: mat4x4f,
}

// The thread's pairs in block (q0, k0) of one head; 0 where a query does not see the key.
fn slopeBlock(head: u32, q0: u32, k0: u32, seen: vec2u, lane: u32) -> Block {
  let queryBase = head * shape.queries;
  let s = blockScores(head, q0, k0, seen, lane);
  var d = mat4x4f();
  for (var e0 = 0u; e0 < shape.headDim; e0 += BLOCK) {
    workgroupBarrier();                       // everyone is done with what the tiles held before
    loadGradients(queryBase, q0, e0, lane);
    loadValues(kvHeadOf(head) * shape.capacity, k0, e0, seen, lane);
    workgroupBarrier();
    d += tileProducts(lane);
  }
  let first = q0 + 4u * (lane / 8u);
  let key = k0 + 4u * (lane % 8u);
  d = dropped(d, queryBase + first, key);
  var lse = vec4f();
  var delta = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let row = queryBase + min(first + i, shape.queries - 1u);
    lse[i] = stats[2u * row];
    delta[i] = stats[2u * row + 1u];
  }
  let p0 = select(vec4f(), exp4(s[0] - lse), sees(key, first, seen));
  let p1 = select(vec4f(), exp4(s[1] - lse), sees(key + 1u, first, seen));
  let p2 = select(vec4f(), exp4(s[2] - lse), sees(key + 2u, first, seen));
  let p3 = select(vec4f(), exp4(s[3] - lse), sees(key + 3u, first, seen));
  return Block(
    mat4x4f(p0, p1, p2, p3),
    mat4x4f(p0 * (d[0] - delta), p1 * (d[1] - delta), p2 * (d[2] - delta), p3 * (d[3] - delta)),
  );
}
