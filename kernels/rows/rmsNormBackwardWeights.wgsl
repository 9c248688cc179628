// dweight[c] += sum over r of dy[r,c] * xhat[r,c];  xhat = x * rstd
//   x, dy [rows, cols], rstd [rows]; dweight [cols]
// A workgroup owns 32 columns of a part of the rows; each of its 8 slices of threads sums every eighth row. Where there are
// several parts, dweight is [parts, cols], which columnSum.wgsl adds up.
// Twin: assembly/compute/rows/rmsNormBackwardWeights.ts
struct Shape {
  rows: u32, cols: u32,
  each: u32,                                  // rows of a part
  add: u32,                                   // 0: dweight of a part is written, not added to
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;

const COLUMNS: u32 = 32u;
const SLICES: u32 = 8u;
var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let index = group.x + group.y * groups.x;
  let wide = (shape.cols + COLUMNS - 1u) / COLUMNS;
  let col = index % wide * COLUMNS + lane % COLUMNS;
  let part = index / wide;
  let end = min((part + 1u) * shape.each, shape.rows);
  let slice = lane / COLUMNS;
  var sum = 0.0;
  if (col < shape.cols) {
    for (var r = part * shape.each + slice; r < end; r += SLICES) {
      sum += dy[r * shape.cols + col] * (x[r * shape.cols + col] * rstd[r]);
    }
  }
  sums[lane] = sum;
  for (var width = SLICES / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper slices must be written before the lower ones read them
    if (slice < width) { sums[lane] += sums[lane + width * COLUMNS]; }
  }
  if (slice == 0u && col < shape.cols && part * shape.each < shape.rows) {
    let at = part * shape.cols + col;
    if (shape.add != 0u) { dweight[at] += sums[lane]; } else { dweight[at] = sums[lane]; }
  }
}
