// dweight[c] += sum over r of dy[r,c] * xhat[r,c];  dbias[c] += sum over r of dy[r,c];  xhat = (x - mean) * rstd
//   x, dy [rows, cols], mean, rstd [rows]; dweight, dbias [cols]
// Follows columns.wgsl. Twin: assembly/compute/rows/layerNormBackwardWeights.ts
struct Shape { rows: u32, cols: u32, each: u32, add: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(COLUMN_THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let column = columnOf(group.x + group.y * groups.x, lane);
  var sum = vec2f();
  for (var r = column.begin; r < column.end; r += SLICES) {
    let g = dy[r * shape.cols + column.col];
    sum += vec2f(g * (x[r * shape.cols + column.col] - mean[r]) * rstd[r], g);
  }
  sum = sumSlices(sum, lane);
  if (column.stores) {
    let before = select(vec2f(), vec2f(dweight[column.at], dbias[column.at]), shape.add != 0u);
    dweight[column.at] = before.x + sum.x;
    dbias[column.at] = before.y + sum.y;
  }
}
