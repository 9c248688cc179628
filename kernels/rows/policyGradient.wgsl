// Clipped policy gradient of the label's probability, with ratio = importance * exp(log softmax(logits)[label] - oldLogProb):
//   loss[r] = max(-advantage ratio, -advantage clamp(ratio, 1 - clip, 1 + clip))
//   logits = gradScale * advantage * ratio * (softmax - onehot), zeros where the clamped side is the larger
//   labels, advantages, oldLogProbs, importance [rows], logits [rows, vocab] (read, then the gradient) -> loss [rows]
// Label -100: loss 0, gradient 0. A row with NaN or +infinity has NaN as its loss and gradient; -infinity is no probability.
// One workgroup a row. Follows math.wgsl and reduce.wgsl. Twin: assembly/compute/rows/policyGradient.ts
struct Shape { rows: u32, vocab: u32, clip: f32, gradScale: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> advantages: array<f32>;
@group(0) @binding(3) var<storage, read> oldLogProbs: array<f32>;
@group(0) @binding(4) var<storage, read> importance: array<f32>;
@group(0) @binding(5) var<storage, read_write> logits: array<f32>;
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  let label = labels[row];
  if (label == -100) {
    for (var j = lane; j < shape.vocab; j += THREADS) { logits[first + j] = 0.0; }
    if (lane == 0u) { loss[row] = 0.0; }
    return;
  }
  var highest = LOWEST;
  var spoilt = 0u;
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let logit = logits[first + j];
    highest = max(highest, logit);
    spoilt |= select(0u, 1u, spoils(logit));
  }
  if (largestKey(spoilt, lane) > 0u) {
    for (var j = lane; j < shape.vocab; j += THREADS) { logits[first + j] = notANumber(j); }
    if (lane == 0u) { loss[row] = notANumber(row); }
    return;
  }
  let top = largest(highest, lane);
  var sum = 0.0;
  for (var begin = lane; begin < shape.vocab; begin += ROW_BLOCK * THREADS) {
    var part = 0.0;
    for (var j = begin; j < min(begin + ROW_BLOCK * THREADS, shape.vocab); j += THREADS) { part += expExact(logits[first + j] - top); }
    sum += part;
  }
  let all = total(sum, lane);
  let logProb = logits[first + u32(label)] - top - logExact(all);
  let ratio = importance[row] * expExact(logProb - oldLogProbs[row]);
  let advantage = advantages[row];
  let free = -advantage * ratio;
  let clipped = -advantage * clamp(ratio, 1.0 - shape.clip, 1.0 + shape.clip);
  if (lane == 0u) { loss[row] = max(free, clipped); }
  let scale = select(shape.gradScale * advantage * ratio, 0.0, free < clipped);
  storageBarrier();                           // the label's logit is read before it becomes a gradient
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let p = expExact(logits[first + j] - top) / all;
    logits[first + j] = scale * (p - select(0.0, 1.0, j == u32(label)));
  }
}
