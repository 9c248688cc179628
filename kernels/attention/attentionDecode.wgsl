// Attention forward for few queries (decoding): the same arguments and results as attention.wgsl.
// One workgroup a query and head. KEYS keys a step: a thread scores every THREADS-th of them, then adds what they give to
// its dims lane, lane + THREADS, ... of y.
// Follows math.wgsl, hash.wgsl, attentionShape.wgsl and reduce.wgsl. Twin: assembly/compute/attention/attentionDecode.ts
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;

const KEYS: u32 = 64u;
var<workgroup> query: array<f32, 256>;        // headDim is at most 256
var<workgroup> result: array<f32, 256>;
var<workgroup> scores: array<f32, KEYS>;
var<workgroup> weights: array<f32, KEYS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // over batch, heads and queries; y continues x
  if (row >= shape.batch * shape.heads * shape.queries) { return; }
  let head = row / shape.queries;
  let keyBase = kvHeadOf(head) * shape.capacity;
  let seen = keysOf(head / shape.heads);
  let end = select(seen.y, min(seen.y, shape.past + row % shape.queries + 1u), shape.causal != 0u);
  for (var e = lane; e < shape.headDim; e += THREADS) {
    query[e] = q[row * shape.headDim + e];
    result[e] = 0.0;
  }
  workgroupBarrier();

  var top = LOWEST;
  var sum = 0.0;                              // over the keys that this thread scored, until the end
  for (var k0 = firstSeen(seen.x, shape.past + row % shape.queries); k0 < end; k0 += KEYS) {
    let count = min(KEYS, end - k0);
    var highest = top;
    for (var j = lane; j < count; j += THREADS) {
      let base = (keyBase + k0 + j) * shape.headDim;
      var score = 0.0;
      for (var e = 0u; e < shape.headDim; e++) { score += query[e] * k[base + e]; }
      score *= shape.scale;
      if (shape.biased != 0u) { score += biasOf(head, row % shape.queries, k0 + j); }
      scores[j] = score;
      highest = max(highest, score);
    }
    highest = largest(highest, lane);         // also: everyone is done with the weights of the step before
    let fade = expExact(top - highest);       // what was summed so far, at the new maximum
    top = highest;
    sum *= fade;
    for (var j = lane; j < count; j += THREADS) {
      let weight = expExact(scores[j] - top);
      sum += weight;
      weights[j] = weight;
      if (shape.threshold != 0u) { weights[j] = weight * dropFactor(row, k0 + j); }
    }
    workgroupBarrier();
    for (var e = lane; e < shape.headDim; e += THREADS) {
      var value = result[e] * fade;
      for (var j = 0u; j < count; j++) { value += weights[j] * v[(keyBase + k0 + j) * shape.headDim + e]; }
      result[e] = value;
    }
  }

  let all = total(sum, lane);
  let scale = select(0.0, 1.0 / all, all > 0.0);
  for (var e = lane; e < shape.headDim; e += THREADS) { y[row * shape.headDim + e] = result[e] * scale; }
  if (lane == 0u) {
    stats[2u * row] = select(0.0, top + logExact(max(all, 1.0e-37)), all > 0.0);
    stats[2u * row + 1u] = 0.0;
  }
}
