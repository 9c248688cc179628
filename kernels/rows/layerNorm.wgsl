// Layer normalisation: y[r,c] = (x[r,c] - mean[r]) * rstd[r] * weight[c] + bias[c];  rstd = 1 / sqrt(variance + eps)
//   x [rows, cols], weight, bias [cols] -> y [rows, cols], mean, rstd [rows] (f32, kept for the backward pass)
// One workgroup a row; variance around the mean in a second pass, biased. Follows reduce.wgsl. Twin: assembly/compute/rows/layerNorm.ts
struct Shape { rows: u32, cols: u32, eps: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.cols;
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += THREADS) { sum += x[first + c]; }
  let centre = total(sum, lane) / f32(shape.cols);
  var squares = 0.0;
  for (var c = lane; c < shape.cols; c += THREADS) { let d = x[first + c] - centre; squares += d * d; }
  let scale = 1.0 / sqrt(total(squares, lane) / f32(shape.cols) + shape.eps);
  for (var c = lane; c < shape.cols; c += THREADS) {
    y[first + c] = (x[first + c] - centre) * scale * weight[c] + bias[c];
  }
  if (lane == 0u) {
    mean[row] = centre;
    rstd[row] = scale;
  }
}
