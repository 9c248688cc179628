// From the gradient of reduced logits that of the logits themselves:
//   ids [rows, k], reduced [rows, k + 1], gradient [rows, k + 1], top [rows], labels [rows], logits [rows, vocab] (read, then
//   the gradient)
// One workgroup a row. A token among the ids has its own gradient, every other one its share of the last,
// e^((z - top[r] - reduced[r, k]) / T). A row whose last is NaN has NaN; label -100: zeros.
// Follows math.wgsl and reduce.wgsl. Same contract as assembly/compute/rows/spreadFromTop.ts.
struct Shape { rows: u32, vocab: u32, k: u32, bins: u32, temperature: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> reduced: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> top: array<f32>;
@group(0) @binding(5) var<storage, read> labels: array<i32>;
@group(0) @binding(6) var<storage, read_write> logits: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  if (labels[row] == -100) {
    for (var j = lane; j < shape.vocab; j += THREADS) { logits[first + j] = 0.0; }
    return;
  }
  let begin = row * shape.bins;
  let ofOthers = gradient[begin + shape.k];
  if (spoils(ofOthers)) {
    for (var j = lane; j < shape.vocab; j += THREADS) { logits[first + j] = notANumber(j); }
    return;
  }
  let inverse = 1.0 / shape.temperature;
  let others = reduced[begin + shape.k];
  let largestLogit = top[row];
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let distance = (max(logits[first + j], LEAST_LOGIT) - largestLogit) - others;
    logits[first + j] = ofOthers * expExact(distance * inverse);
  }
  storageBarrier();                           // the k are written over their shares
  for (var i = lane; i < shape.k; i += THREADS) { logits[first + ids[row * shape.k + i]] = gradient[begin + i]; }
}
