// dweight[c] += sum over r of dy[r,c] * xhat[r,c];  xhat = x * rstd
//   x, dy [rows, cols], rstd [rows]; dweight [cols]
// Follows columns.wgsl. Twin: assembly/compute/rows/rmsNormBackwardWeights.ts
struct Shape { rows: u32, cols: u32, each: u32, add: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;

@compute @workgroup_size(COLUMN_THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let column = columnOf(group.x + group.y * groups.x, lane);
  var sum = 0.0;
  for (var r = column.begin; r < column.end; r += SLICES) {
    sum += dy[r * shape.cols + column.col] * (x[r * shape.cols + column.col] * rstd[r]);
  }
  sum = sumSlices(vec2f(sum, 0.0), lane).x;
  if (column.stores) { dweight[column.at] = select(0.0, dweight[column.at], shape.add != 0u) + sum; }
}
