// Root-mean-square normalisation: y[r,c] = x[r,c] * rstd[r] * (offset + weight[c]);  rstd = 1 / sqrt(mean(x^2) + eps)
//   x [rows, cols], weight [cols] -> y [rows, cols], rstd [rows] (f32, kept for the backward pass)
// One workgroup a row. Follows reduce.wgsl. Twin: assembly/compute/rows/rmsNorm.ts
struct Shape { rows: u32, cols: u32, eps: f32, offset: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.cols;
  var squares = 0.0;
  for (var c = lane; c < shape.cols; c += THREADS) { squares += x[first + c] * x[first + c]; }
  let scale = 1.0 / sqrt(total(squares, lane) / f32(shape.cols) + shape.eps);
  for (var c = lane; c < shape.cols; c += THREADS) { y[first + c] = x[first + c] * scale * (weight[c] + shape.offset); }
  if (lane == 0u) { rstd[row] = scale; }
}
