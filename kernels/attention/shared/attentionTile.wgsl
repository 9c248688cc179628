// The tiles of the attention shaders that work on blocks: 32 queries by 32 keys, by a workgroup of 8 x 8 threads (x
// across, y down). Thread (x, y) owns queries 4 y .. 4 y + 3 and keys 4 x .. 4 x + 3 of a block, a matrix with a column
// of four queries for each key; and of sums over a block, rows 4 y .. 4 y + 3 and dims 4 x .. 4 x + 3.
// Follows math.wgsl, hash.wgsl and attentionShape.wgsl.
const BLOCK: u32 = 32u;                       // queries, keys and dims of one tile
const GROUPS: u32 = 8u;                       // BLOCK / 4
// Turned: [e][g] holds rows 4 g .. 4 g + 3 at dim e0 + e. Plain: [j][g] holds dims e0 + 4 g .. + 3 of row j.
var<workgroup> queryTile: array<vec4f, 256>;
var<workgroup> keyTile: array<vec4f, 256>;
var<workgroup> weights: array<vec4f, 256>;    // [j][g]: what rows 4 g .. 4 g + 3 of a sum take of row j of keyTile

// Queries past the end and dims past headDim are zeros.
fn queryAt(base: u32, row: u32, e: u32) -> f32 {
  if (row >= shape.queries || e >= shape.headDim) { return 0.0; }
  return q[(base + row) * shape.headDim + e];
}
// Keys and values that no query sees are read as zeros: padding may hold anything.
fn keyAt(base: u32, row: u32, e: u32, seen: vec2u) -> f32 {
  if (row < seen.x || row >= seen.y || e >= shape.headDim) { return 0.0; }
  return k[(base + row) * shape.headDim + e];
}
fn valueAt(base: u32, row: u32, e: u32, seen: vec2u) -> f32 {
  if (row < seen.x || row >= seen.y || e >= shape.headDim) { return 0.0; }
  return v[(base + row) * shape.headDim + e];
}

fn loadQueries(base: u32, q0: u32, e0: u32, lane: u32) {
  let e = lane % BLOCK;                       // neighbouring threads read neighbouring dims
  for (var g = lane / BLOCK; g < GROUPS; g += 2u) {
    let row = q0 + 4u * g;
    queryTile[e * GROUPS + g] = vec4f(queryAt(base, row, e0 + e), queryAt(base, row + 1u, e0 + e),
      queryAt(base, row + 2u, e0 + e), queryAt(base, row + 3u, e0 + e));
  }
}
fn loadKeys(base: u32, k0: u32, e0: u32, seen: vec2u, lane: u32) {
  let e = lane % BLOCK;
  for (var g = lane / BLOCK; g < GROUPS; g += 2u) {
    let row = k0 + 4u * g;
    keyTile[e * GROUPS + g] = vec4f(keyAt(base, row, e0 + e, seen), keyAt(base, row + 1u, e0 + e, seen),
      keyAt(base, row + 2u, e0 + e, seen), keyAt(base, row + 3u, e0 + e, seen));
  }
}

// Products of the turned tiles, over their 32 dims.
fn tileProducts(lane: u32) -> mat4x4f {
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var e = 0u; e < BLOCK; e++) {
    let l = queryTile[e * GROUPS + lane / 8u];
    let r = keyTile[e * GROUPS + lane % 8u];
    s0 += l * r.x;
    s1 += l * r.y;
    s2 += l * r.z;
    s3 += l * r.w;
  }
  return mat4x4f(s0, s1, s2, s3);
}

// sum over j of weights[j] times row j of the plain keyTile: a column of four dims for each row.
fn weightedSum(lane: u32) -> mat4x4f {
  var a0 = vec4f(); var a1 = vec4f(); var a2 = vec4f(); var a3 = vec4f();
  for (var j = 0u; j < BLOCK; j++) {
    let p = weights[j * GROUPS + lane / 8u];
    let r = keyTile[j * GROUPS + lane % 8u];
    a0 += p.x * r;
    a1 += p.y * r;
    a2 += p.z * r;
    a3 += p.w * r;
  }
  return mat4x4f(a0, a1, a2, a3);
}

// weights [key][g] from a thread's columns.
fn storeWeights(columns: mat4x4f, lane: u32) {
  let at = 4u * (lane % 8u) * GROUPS + lane / 8u;
  weights[at] = columns[0];
  weights[at + GROUPS] = columns[1];
  weights[at + 2u * GROUPS] = columns[2];
  weights[at + 3u * GROUPS] = columns[3];
}

fn bias4(head: u32, first: u32, key: u32) -> vec4f {
  return vec4f(biasOf(head, first, key), biasOf(head, first + 1u, key), biasOf(head, first + 2u, key),
    biasOf(head, first + 3u, key));
}

// Scores of the thread's pairs in block (q0, k0) of one head.
fn blockScores(head: u32, q0: u32, k0: u32, seen: vec2u, lane: u32) -> mat4x4f {
  var s = mat4x4f();
  for (var e0 = 0u; e0 < shape.headDim; e0 += BLOCK) {
    workgroupBarrier();                       // everyone is done with what the tiles held before
    loadQueries(head * shape.queries, q0, e0, lane);
    loadKeys(kvHeadOf(head) * shape.capacity, k0, e0, seen, lane);
    workgroupBarrier();
    s += tileProducts(lane);
  }
  s *= shape.scale;
  if (shape.biased != 0u) {
    let first = q0 + 4u * (lane / 8u);
    let key = k0 + 4u * (lane % 8u);
    s += mat4x4f(bias4(head, first, key), bias4(head, first, key + 1u), bias4(head, first, key + 2u),
      bias4(head, first, key + 3u));
  }
  return s;
}

fn drop4(row: u32, key: u32) -> vec4f {
  return vec4f(dropFactor(row, key), dropFactor(row + 1u, key), dropFactor(row + 2u, key), dropFactor(row + 3u, key));
}

// The thread's columns after dropout; `row` is that of its first query, over batch, heads and queries.
fn dropped(columns: mat4x4f, row: u32, key: u32) -> mat4x4f {
  if (shape.threshold == 0u) { return columns; }
  return mat4x4f(columns[0] * drop4(row, key), columns[1] * drop4(row, key + 1u), columns[2] * drop4(row, key + 2u),
    columns[3] * drop4(row, key + 3u));
}

// Which of the queries first .. first + 3 are there and see this key.
fn sees(key: u32, first: u32, seen: vec2u) -> vec4<bool> {
  let queries = vec4u(first, first + 1u, first + 2u, first + 3u);
  let positions = vec4u(shape.past) + queries;
  return (vec4u(key) >= vec4u(seen.x)) & (vec4u(key) < vec4u(seen.y)) & (queries < vec4u(shape.queries)) &
    ((vec4u(key) <= positions) | vec4<bool>(shape.causal == 0u)) &
    ((vec4u(key + shape.span) > positions) | vec4<bool>(shape.span == 0u));
}

// No query of the block that starts at q0 sees a key from this one on.
fn lastKeyOf(q0: u32, seen: vec2u) -> u32 {
  return select(seen.y, min(seen.y, shape.past + min(q0 + BLOCK, shape.queries)), shape.causal != 0u);
}

