// dx of layerNorm: dx = rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight, xhat = (x - mean) * rstd
//   x, dy [rows, cols], weight [cols], mean, rstd [rows] -> dx [rows, cols]
// One workgroup a row. Twin: assembly/compute/layerNormBackward.ts
struct Shape { rows: u32, cols: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<elem>;
@group(0) @binding(2) var<storage, read> weight: array<elem>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

override THREADS: u32 = 256u;                 // a power of two: the tree sums halve it
var<workgroup> scratch: array<f32, THREADS>;

// The sum of `value` over the workgroup, for all of its threads.
fn total(value: f32, lane: u32) -> f32 {
  scratch[lane] = value;
  for (var width = THREADS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper half must be written before the lower half reads it
    if (lane < width) { scratch[lane] += scratch[lane + width]; }
  }
  return workgroupUniformLoad(&scratch[0]);   // has barriers on both sides: scratch may be used again at once
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.cols;
  let centre = mean[row];
  let scale = rstd[row];
  var sumG = 0.0;
  var sumGX = 0.0;
  for (var c = lane; c < shape.cols; c += THREADS) {
    let g = dy[first + c] * f32(weight[c]);
    sumG += g;
    sumGX += g * (f32(x[first + c]) - centre) * scale;
  }
  let meanG = total(sumG, lane) / f32(shape.cols);
  let meanGX = total(sumGX, lane) / f32(shape.cols);
  for (var c = lane; c < shape.cols; c += THREADS) {
    let xhat = (f32(x[first + c]) - centre) * scale;
    dx[first + c] = scale * (dy[first + c] * f32(weight[c]) - meanG - xhat * meanGX);
  }
}
