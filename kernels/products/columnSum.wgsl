// sum[c] (+)= sum over r of x[r, c]:  x [rows, cols], sum [cols]
// Follows columns.wgsl. Twin: assembly/compute/products/columnSum.ts
struct Shape {
  rows: u32, cols: u32, accumulate: u32,
  each: u32,
  add: u32,                                   // `accumulate`, where there is one part
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;

@compute @workgroup_size(COLUMN_THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let column = columnOf(group.x + group.y * groups.x, lane);
  var part = 0.0;
  for (var r = column.begin; r < column.end; r += SLICES) { part += x[r * shape.cols + column.col]; }
  let all = sumSlices(vec2f(part, 0.0), lane).x;
  if (column.stores) {
    if (shape.add != 0u) { sum[column.at] += all; } else { sum[column.at] = all; }
  }
}
