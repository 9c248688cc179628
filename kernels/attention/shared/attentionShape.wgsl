// What all attention shaders share: their arguments, which keys a row of the batch has, the bias and dropout.
//   q [batch, heads, queries, headDim], k, v [batch, kvHeads, capacity, headDim], bias [biasHeads, offsets],
//   keyRange [all batches, 2]; the meaning is in src/backend/kernels/attention.ts
// `firstBatch` is the row of keyRange that the window of the batch starts at. Follows hash.wgsl.
struct Shape {
  batch: u32, heads: u32, queries: u32, headDim: u32, kvHeads: u32, capacity: u32, biasHeads: u32, offsets: u32,
  scale: f32, causal: u32, past: u32, span: u32, biased: u32, origin: u32, seed: u32, threshold: u32, keepScale: f32,
  firstBatch: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> keyRange: array<i32>;

// A query at `position` sees no key before this one: `begin` is that of its row of the batch.
fn firstSeen(begin: u32, position: u32) -> u32 {
  return select(begin, max(begin, position + 1u - shape.span), shape.span != 0u && position >= shape.span);
}

// Keys [x, y) of a row of the batch: no query of it sees others.
fn keysOf(b: u32) -> vec2u {
  let row = shape.firstBatch + b;
  let last = select(shape.capacity, min(shape.capacity, shape.past + shape.queries), shape.causal != 0u);
  return vec2u(firstSeen(u32(max(keyRange[2u * row], 0)), shape.past), min(u32(max(keyRange[2u * row + 1u], 0)), last));
}

// The key head that a query head reads, both over batch and heads.
fn kvHeadOf(head: u32) -> u32 {
  return (head / shape.heads) * shape.kvHeads + (head % shape.heads) / (shape.heads / shape.kvHeads);
}

// Bias of a pair that is seen; of another pair, any entry.
fn biasOf(head: u32, query: u32, key: u32) -> f32 {
  return bias[(head % shape.heads) * shape.offsets + min(shape.origin + key - query, shape.offsets - 1u)];
}

// The factor of dropout for the probability of a pair; `row` is over batch, heads and queries.
fn dropFactor(row: u32, key: u32) -> f32 {
  let index = (shape.firstBatch * shape.heads * shape.queries + row) * shape.capacity + key;
  return select(0.0, shape.keepScale, kept(shape.seed, index, shape.threshold));
}
