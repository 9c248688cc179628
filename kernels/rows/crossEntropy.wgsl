// Cross-entropy and its gradient: loss[r] = lse(logits[r]) - logits[r, label];  logits = gradScale * (softmax - onehot)
//   labels [rows], logits [rows, vocab] (read, then the gradient) -> loss [rows], nats; label -100: loss 0, gradient 0
// A row with NaN or +infinity has NaN as its loss and gradient; -infinity is no probability.
// One workgroup a row. Follows labelRow.wgsl. Twin: assembly/compute/rows/crossEntropy.ts
struct Shape { rows: u32, vocab: u32, gradScale: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let softmax = softmaxOf(row, lane);
  if (!softmax.isThere) { return; }
  let logit = logits[row * shape.vocab + u32(labels[row])];
  if (lane == 0u) { loss[row] = logExact(softmax.all) - (logit - softmax.top); }
  storageBarrier();                           // the label's logit is read before it becomes a gradient
  putGradient(row, softmax, shape.gradScale, lane);
}
