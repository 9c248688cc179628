// Clipped policy gradient of the label's probability, with ratio = importance * exp(log softmax(logits)[label] - oldLogProb):
//   loss[r] = max(-advantage ratio, -advantage clamp(ratio, 1 - clip, 1 + clip))
//   logits = gradScale * advantage * ratio * (softmax - onehot), zeros where the clamped side is the larger
//   labels, advantages, oldLogProbs, importance [rows], logits [rows, vocab] (read, then the gradient) -> loss [rows]
// Label -100: loss 0, gradient 0. A row with NaN or +infinity has NaN as its loss and gradient; -infinity is no probability.
// One workgroup a row. Follows labelRow.wgsl. Twin: assembly/compute/rows/policyGradient.ts
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
  let softmax = softmaxOf(row, lane);
  if (!softmax.isThere) { return; }
  let logit = logits[row * shape.vocab + u32(labels[row])];
  let logProb = logit - softmax.top - logExact(softmax.all);
  let ratio = importance[row] * expExact(logProb - oldLogProbs[row]);
  let advantage = advantages[row];
  let free = -advantage * ratio;
  let clipped = -advantage * clamp(ratio, 1.0 - shape.clip, 1.0 + shape.clip);
  if (lane == 0u) { loss[row] = max(free, clipped); }
  let scale = select(shape.gradScale * advantage * ratio, 0.0, free < clipped);
  storageBarrier();                           // the label's logit is read before it becomes a gradient
  putGradient(row, softmax, scale, lane);
}
