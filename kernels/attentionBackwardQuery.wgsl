// dq of attention: dq_i = scale * sum over j of p_ij (dy_i . v_j - delta_i) k_j,  p_ij = exp(scale * q_i . k_j - lse_i)
//   arguments of attention.wgsl, dy as q, stats [batch, heads, queries, 2] = (lse, delta) -> dq as q
// A workgroup of 8 x 8 threads owns 32 queries of one head and walks over the keys, 32 at a time; see attention.wgsl.
// Follows math.wgsl. Twin: assembly/compute/attentionBackwardQuery.ts
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
@group(0) @binding(7) var<storage, read_write> dq: array<f32>;

const BLOCK: u32 = 32u;                       // queries, keys and dims of one tile
const GROUPS: u32 = 8u;                       // BLOCK / 4
const LOWEST: f32 = -3.0e38;                  // score of a key that a query does not see: infinity is not to be relied on
var<workgroup> left: array<vec4f, 256>;
var<workgroup> right: array<vec4f, 256>;
var<workgroup> slopes: array<vec4f, 256>;        // [key][g]: d loss / d score of queries 4 g .. 4 g + 3

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
    left[e * GROUPS + g] = value;
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
    left[e * GROUPS + g] = value;
  }
}

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
    right[e * GROUPS + g] = value;
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
    right[e * GROUPS + g] = value;
  }
}

// Keys in range: [j][g] holds dims e0 + 4 g .. + 3 of row j. The others are zeros, whatever
// they hold: padding may be anything.
fn loadKeyDims(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  for (var part = 0u; part < 4u; part++) {
    let g = lane % GROUPS;
    let row = k0 + lane / GROUPS + 8u * part;
    var value = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let e = e0 + 4u * g + i;
      if (row >= seen.x && row < seen.y && e < shape.headDim) { value[i] = k[(base + row) * shape.headDim + e]; }
    }
    right[(row - k0) * GROUPS + g] = value;
  }
}

// Which of the queries q0 + 0..3 see this key.
fn sees(key: u32, q0: u32, seen: vec2u) -> vec4<bool> {
  let queries = vec4u(q0, q0 + 1u, q0 + 2u, q0 + 3u);
  return (vec4u(key) >= vec4u(seen.x)) & (vec4u(key) < vec4u(seen.y)) &
    ((vec4u(key) <= vec4u(shape.past) + queries) | vec4<bool>(shape.causal == 0u));
}

// Keys [x, y) of a row of the batch that are there at all.
fn keysOf(b: u32) -> vec2u {
  let row = shape.firstBatch + b;
  return vec2u(u32(max(keyRange[2u * row], 0)), min(u32(max(keyRange[2u * row + 1u], 0)), shape.capacity));
}

fn exp4(x: vec4f) -> vec4f { return vec4f(expExact(x.x), expExact(x.y), expExact(x.z), expExact(x.w)); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let blocks = (shape.queries + BLOCK - 1u) / BLOCK;
  let tile = group.x + group.y * groups.x;       // y continues x: one side of a grid ends at 65535
  let head = tile / blocks;                      // over batch and heads
  if (head >= shape.batch * shape.heads) { return; }
  let b = head / shape.heads;
  let kvHead = b * shape.kvHeads + (head % shape.heads) / (shape.heads / shape.kvHeads);
  let queryBase = head * shape.queries;
  let keyBase = kvHead * shape.capacity;
  let q0 = (tile % blocks) * BLOCK;
  let x = lane % 8u;
  let y = lane / 8u;
  let first = q0 + 4u * y;
  let seen = keysOf(b);
  let end = select(seen.y, min(seen.y, shape.past + min(q0 + BLOCK, shape.queries)), shape.causal != 0u);
  var lse = vec4f();
  var delta = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let row = queryBase + min(first + i, shape.queries - 1u);
    lse[i] = stats[2u * row];
    delta[i] = stats[2u * row + 1u];
  }

  var acc: array<vec4f, 4u * HEAD_BLOCKS>;       // [dim block][query]
  for (var k0 = seen.x; k0 < end; k0 += BLOCK) {
    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
    for (var e0 = 0u; e0 < shape.headDim; e0 += BLOCK) {
      workgroupBarrier();                     // everyone is done with what the tiles held before
      loadQueries(queryBase, q0, e0, lane);
      loadKeys(keyBase, k0, e0, seen, lane);
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
      loadGradients(queryBase, q0, e0, lane);
      loadValues(keyBase, k0, e0, seen, lane);
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
    let key = k0 + 4u * x;
    let t0 = select(vec4f(), exp4(s0 * shape.scale - lse) * (d0 - delta), sees(key, first, seen));
    let t1 = select(vec4f(), exp4(s1 * shape.scale - lse) * (d1 - delta), sees(key + 1u, first, seen));
    let t2 = select(vec4f(), exp4(s2 * shape.scale - lse) * (d2 - delta), sees(key + 2u, first, seen));
    let t3 = select(vec4f(), exp4(s3 * shape.scale - lse) * (d3 - delta), sees(key + 3u, first, seen));
    slopes[(4u * x) * GROUPS + y] = t0;
    slopes[(4u * x + 1u) * GROUPS + y] = t1;
    slopes[(4u * x + 2u) * GROUPS + y] = t2;
    slopes[(4u * x + 3u) * GROUPS + y] = t3;
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      workgroupBarrier();
      loadKeyDims(keyBase, k0, u * BLOCK, seen, lane);
      workgroupBarrier();
      var a0 = acc[4u * u]; var a1 = acc[4u * u + 1u]; var a2 = acc[4u * u + 2u]; var a3 = acc[4u * u + 3u];
      for (var j = 0u; j < BLOCK; j++) {
        let t = slopes[j * GROUPS + y];
        let r = right[j * GROUPS + x];
        a0 += t.x * r; a1 += t.y * r; a2 += t.z * r; a3 += t.w * r;
      }
      acc[4u * u] = a0; acc[4u * u + 1u] = a1; acc[4u * u + 2u] = a2; acc[4u * u + 3u] = a3;
    }
  }

  for (var i = 0u; i < 4u; i++) {
    if (first + i >= shape.queries) { return; }
    let row = queryBase + first + i;
    for (var u = 0u; u < HEAD_BLOCKS; u++) {
      let value = acc[4u * u + i] * shape.scale;
      for (var d = 0u; d < 4u; d++) {
        let e = u * BLOCK + 4u * x + d;
        if (e < shape.headDim) { dq[row * shape.headDim + e] = value[d]; }
      }
    }
  }
}
