// dx of rmsNorm: dx = rstd * (g - xhat * mean(g * xhat)), g = dy * (offset + weight), xhat = x * rstd
//   x, dy [rows, cols], weight [cols], rstd [rows] -> dx [rows, cols]
// One workgroup a row. Follows reduce.wgsl. Twin: assembly/compute/rows/rmsNorm.ts
struct Shape { rows: u32, cols: u32, offset: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.cols;
  let scale = rstd[row];
  var sum = 0.0;
  for (var c = lane; c < shape.cols; c += THREADS) {
    sum += dy[first + c] * (weight[c] + shape.offset) * (x[first + c] * scale);
  }
  let mean = total(sum, lane) / f32(shape.cols);
  for (var c = lane; c < shape.cols; c += THREADS) {
    dx[first + c] = scale * (dy[first + c] * (weight[c] + shape.offset) - x[first + c] * scale * mean);
  }
}
