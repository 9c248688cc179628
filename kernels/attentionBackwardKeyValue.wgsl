// dk and dv of attention, summed over the query heads that share a key head; see attentionBackwardQuery.wgsl for p and delta:
//   dv_j = sum over i of p_ij dy_i;  dk_j = scale * sum over i of p_ij (dy_i . v_j - delta_i) q_i
//   arguments of attention.wgsl, dy as q, stats [batch, heads, queries, 2] = (lse, delta) -> dk, dv as k
// A workgroup of 8 x 8 threads owns 32 keys of one key head and walks over the queries, 32 at a time: no two workgroups write
// the same element, and keys that no query sees get zeros. A thread owns 4 keys x 4 queries of the scores and 4 keys x
// 4 dims of each 32 dims. The four tiles fill the 16 KiB that every adapter has.
// Follows math.wgsl. Twin: assembly/compute/attentionBackwardKeyValue.ts
struct Shape {
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32,
  scale: f32, causal: u32, past: u32, firstBatch: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> stats: array<f32>;
@group(0) @binding(6) var<storage, read> keyRange: array<i32>;
@group(0) @binding(7) var<storage, read_write> dk: array<f32>;
@group(0) @binding(8) var<storage, read_write> dv: array<f32>;

const BLOCK: u32 = 32u;                       // queries, keys and dims of one tile
const GROUPS: u32 = 8u;                       // BLOCK / 4
const LOWEST: f32 = -3.0e38;                  // score of a key that a query does not see: infinity is not to be relied on
var<workgroup> left: array<vec4f, 256>;
var<workgroup> right: array<vec4f, 256>;
var<workgroup> weights: array<vec4f, 256>;       // [query][g]: p of keys 4 g .. 4 g + 3
var<workgroup> slopes: array<vec4f, 256>;        // [query][g]: d loss / d score of keys 4 g .. 4 g + 3

// Keys in range, turned: [e][g] holds rows 4 g .. 4 g + 3 at dim e0 + e. The others are zeros, whatever
// they hold: padding may be anything.
fn loadKeys(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let e = lane % BLOCK;                     // neighbouring threads read neighbouring dims
    let g = lane / BLOCK + 2u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let row = k0 + 4u * g + i;
      if (row >= seen.x && row < seen.y && e0 + e < shape.headDim) { value[i] = k[(base + row) * shape.headDim + e0 + e]; }
    }
    left[e * GROUPS + g] = value;
  }
}

// Values in range, turned: [e][g] holds rows 4 g .. 4 g + 3 at dim e0 + e. The others are zeros, whatever
// they hold: padding may be anything.
fn loadValues(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let e = lane % BLOCK;                     // neighbouring threads read neighbouring dims
    let g = lane / BLOCK + 2u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let row = k0 + 4u * g + i;
      if (row >= seen.x && row < seen.y && e0 + e < shape.headDim) { value[i] = v[(base + row) * shape.headDim + e0 + e]; }
    }
    left[e * GROUPS + g] = value;
  }
}

// Queries, turned: [e][g] holds rows 4 g .. 4 g + 3 at dim e0 + e. Rows and dims past the end are zeros.
fn loadQueries(base: u32, q0: u32, e0: u32, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let e = lane % BLOCK;                     // neighbouring threads read neighbouring dims
    let g = lane / BLOCK + 2u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let row = q0 + 4u * g + i;
      if (row < shape.queries && e0 + e < shape.headDim) { value[i] = q[(base + row) * shape.headDim + e0 + e]; }
    }
    right[e * GROUPS + g] = value;
  }
}

// Gradients of y, turned: [e][g] holds rows 4 g .. 4 g + 3 at dim e0 + e. Rows and dims past the end are zeros.
fn loadGradients(base: u32, q0: u32, e0: u32, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let e = lane % BLOCK;                     // neighbouring threads read neighbouring dims
    let g = lane / BLOCK + 2u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let row = q0 + 4u * g + i;
      if (row < shape.queries && e0 + e < shape.headDim) { value[i] = dy[(base + row) * shape.headDim + e0 + e]; }
    }
    right[e * GROUPS + g] = value;
  }
}

// Queries: [j][g] holds dims e0 + 4 g .. + 3 of row j. Rows and dims past the end are zeros.
fn loadQueryDims(base: u32, q0: u32, e0: u32, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let g = lane % GROUPS;
    let row = q0 + lane / GROUPS + 8u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let e = e0 + 4u * g + i;
      if (row < shape.queries && e < shape.headDim) { value[i] = q[(base + row) * shape.headDim + e]; }
    }
    left[(row - q0) * GROUPS + g] = value;
  }
}

// Gradients of y: [j][g] holds dims e0 + 4 g .. + 3 of row j. Rows and dims past the end are zeros.
fn loadGradientDims(base: u32, q0: u32, e0: u32, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let g = lane % GROUPS;
    let row = q0 + lane / GROUPS + 8u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let e = e0 + 4u * g + i;
      if (row < shape.queries && e < shape.headDim) { value[i] = dy[(base + row) * shape.headDim + e]; }
    }
    right[(row - q0) * GROUPS + g] = value;
  }
}

// Which of the keys k0 + 0..3 this query sees.
fn sees(query: u32, k0: u32, seen: vec2u) -> vec4<bool> {
  let keys = vec4u(k0, k0 + 1u, k0 + 2u, k0 + 3u);
  return (keys >= vec4u(seen.x)) & (keys < vec4u(seen.y)) & vec4<bool>(query < shape.queries) &
    ((keys <= vec4u(shape.past + query)) | vec4<bool>(shape.causal == 0u));
}

// Keys [x, y) of a row of the batch that are there at all.
fn keysOf(b: u32) -> vec2u {
  let row = shape.firstBatch + b;
  return vec2u(u32(max(keyRange[2u * row], 0)), min(u32(max(keyRange[2u * row + 1u], 0)), shape.capacity));
}

fn exp4(x: vec4f) -> vec4f { return vec4f(expExact(x.x), expExact(x.y), expExact(x.z), expExact(x.w)); }

// p of four keys for one query, kept with the slope of the scores for the sums below.
fn keep(query: u32, row: u32, at: u32, score: vec4f, grad: vec4f, k0: u32, seen: vec2u) {
  let index = 2u * (row + min(query, shape.queries - 1u));
  let p = select(vec4f(), exp4(score * shape.scale - stats[index]), sees(query, k0, seen));
  weights[at] = p;
  slopes[at] = p * (grad - stats[index + 1u]);
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
  let keyBase = kvHead * shape.capacity;
  let k0 = (tile % blocks) * BLOCK;
  let x = lane % 8u;
  let y = lane / 8u;
  let first = k0 + 4u * y;
  let seen = keysOf(b);
  // Earlier queries see none of these keys; no query sees keys out of range.
  let causalBegin = select(0u, max(k0, shape.past) - shape.past, shape.causal != 0u);
  let begin = select(causalBegin, shape.queries, k0 >= seen.y || k0 + BLOCK <= seen.x);

  var accK: array<vec4f, 4u * HEAD_BLOCKS>;      // [dim block][key]
  var accV: array<vec4f, 4u * HEAD_BLOCKS>;
  for (var h = 0u; h < sharing; h++) {
    let queryBase = (b * shape.heads + (kvHead % shape.kvHeads) * sharing + h) * shape.queries;
    for (var q0 = begin; q0 < shape.queries; q0 += BLOCK) {
      var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
      for (var e0 = 0u; e0 < shape.headDim; e0 += BLOCK) {
        workgroupBarrier();                     // everyone is done with what the tiles held before
        loadKeys(keyBase, k0, e0, seen, lane);
        loadQueries(queryBase, q0, e0, lane);
        workgroupBarrier();
        for (var e = 0u; e < BLOCK; e++) {
          let l = left[e * GROUPS + y];
          let r = right[e * GROUPS + x];
          s0 += l * r.x;
          s1 += l * r.y;
          s2 += l * r.z;
          s3 += l * r.w;
        }
      }
      var d0 = vec4f(); var d1 = vec4f(); var d2 = vec4f(); var d3 = vec4f();
      for (var e0 = 0u; e0 < shape.headDim; e0 += BLOCK) {
        workgroupBarrier();                     // everyone is done with what the tiles held before
        loadValues(keyBase, k0, e0, seen, lane);
        loadGradients(queryBase, q0, e0, lane);
        workgroupBarrier();
        for (var e = 0u; e < BLOCK; e++) {
          let l = left[e * GROUPS + y];
          let r = right[e * GROUPS + x];
          d0 += l * r.x;
          d1 += l * r.y;
          d2 += l * r.z;
          d3 += l * r.w;
        }
      }
      let query = q0 + 4u * x;
      keep(query, queryBase, (4u * x) * GROUPS + y, s0, d0, first, seen);
      keep(query + 1u, queryBase, (4u * x + 1u) * GROUPS + y, s1, d1, first, seen);
      keep(query + 2u, queryBase, (4u * x + 2u) * GROUPS + y, s2, d2, first, seen);
      keep(query + 3u, queryBase, (4u * x + 3u) * GROUPS + y, s3, d3, first, seen);
      for (var u = 0u; u < HEAD_BLOCKS; u++) {
        workgroupBarrier();
        loadQueryDims(queryBase, q0, u * BLOCK, lane);
        loadGradientDims(queryBase, q0, u * BLOCK, lane);
        workgroupBarrier();
        var a0 = accK[4u * u]; var a1 = accK[4u * u + 1u]; var a2 = accK[4u * u + 2u]; var a3 = accK[4u * u + 3u];
        var b0 = accV[4u * u]; var b1 = accV[4u * u + 1u]; var b2 = accV[4u * u + 2u]; var b3 = accV[4u * u + 3u];
        for (var j = 0u; j < BLOCK; j++) {
          let t = slopes[j * GROUPS + y];
          let l = left[j * GROUPS + x];
          a0 += t.x * l; a1 += t.y * l; a2 += t.z * l; a3 += t.w * l;
          let p = weights[j * GROUPS + y];
          let r = right[j * GROUPS + x];
          b0 += p.x * r; b1 += p.y * r; b2 += p.z * r; b3 += p.w * r;
        }
        accK[4u * u] = a0; accK[4u * u + 1u] = a1; accK[4u * u + 2u] = a2; accK[4u * u + 3u] = a3;
        accV[4u * u] = b0; accV[4u * u + 1u] = b1; accV[4u * u + 2u] = b2; accV[4u * u + 3u] = b3;
      }
    }
  }

  for (var i = 0u; i < 4u; i++) {
    if (first + i >= shape.capacity) { return; }
    let row = keyBase + first + i;
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      for (var d = 0u; d < 4u; d++) {
        let e = u * BLOCK + 4u * x + d;
        if (e < shape.headDim) {
          dk[row * shape.headDim + e] = accK[4u * u + i][d] * shape.scale;
          dv[row * shape.headDim + e] = accV[4u * u + i][d];
        }
      }
    }
  }
}
