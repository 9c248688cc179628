// Attention forward for few queries (decoding): the same arguments and results as attention.wgsl.
// One workgroup a query and head. 64 keys a step: a thread scores one key, then owns dims lane, lane + 64, ... of y.
// Follows math.wgsl, hash.wgsl and attentionShape.wgsl. Twin: assembly/compute/attentionDecode.ts
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;

const THREADS: u32 = 64u;
var<workgroup> query: array<f32, 256>;        // headDim is at most 256
var<workgroup> scratch: array<f32, 64>;
var<workgroup> weights: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // over batch, heads and queries; y continues x
  if (row >= shape.batch * shape.heads * shape.queries) { return; }
  let head = row / shape.queries;
  let keyBase = kvHeadOf(head) * shape.capacity;
  let seen = keysOf(head / shape.heads);
  let end = select(seen.y, min(seen.y, shape.past + row % shape.queries + 1u), shape.causal != 0u);
  for (var e = lane; e < shape.headDim; e += THREADS) { query[e] = q[row * shape.headDim + e]; }
  workgroupBarrier();

  var acc = vec4f();                          // dims lane + 64 * 0..3
  var top = LOWEST;
  var sum = 0.0;                              // over the keys that this thread scored, until the end
  for (var k0 = seen.x; k0 < end; k0 += THREADS) {
    let key = k0 + lane;
    var score = LOWEST;
    if (key < end) {
      var dot = 0.0;
      for (var e = 0u; e < shape.headDim; e++) { dot += query[e] * k[(keyBase + key) * shape.headDim + e]; }
      score = dot * shape.scale;
      if (shape.biased != 0u) { score += biasOf(head, row % shape.queries, key); }
    }
    scratch[lane] = score;
    for (var width = THREADS / 2u; width > 0u; width /= 2u) {
      workgroupBarrier();                     // the upper half must be written before the lower half reads it
      if (lane < width) { scratch[lane] = max(scratch[lane], scratch[lane + width]); }
    }
    workgroupBarrier();
    let highest = max(top, scratch[0]);
    let fade = expExact(top - highest);       // what was summed so far, at the new maximum
    top = highest;
    let weight = select(0.0, expExact(score - top), key < end);
    sum = sum * fade + weight;
    acc *= fade;
    weights[lane] = weight;
    if (shape.threshold != 0u) { weights[lane] = weight * dropFactor(row, key); }
    workgroupBarrier();                       // also: everyone has read scratch[0]
    for (var j = 0u; j < min(THREADS, end - k0); j++) {
      let base = (keyBase + k0 + j) * shape.headDim;
      for (var i = 0u; i < 4u; i++) {
        let e = lane + THREADS * i;
        if (e < shape.headDim) { acc[i] += weights[j] * v[base + e]; }
      }
    }
  }

  workgroupBarrier();
  scratch[lane] = sum;
  for (var width = THREADS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (lane < width) { scratch[lane] += scratch[lane + width]; }
  }
  workgroupBarrier();
  let all = scratch[0];
  let scale = select(0.0, 1.0 / all, all > 0.0);
  for (var i = 0u; i < 4u; i++) {
    let e = lane + THREADS * i;
    if (e < shape.headDim) { y[row * shape.headDim + e] = acc[i] * scale; }
  }
  if (lane == 0u) {
    stats[2u * row] = select(0.0, top + logExact(max(all, 1.0e-37)), all > 0.0);
    stats[2u * row + 1u] = 0.0;
  }
}
