// stats[row, 1] = sum over e of dy[row, e] * y[row, e]: the row term of the gradient of the softmax
//   y, dy [batch, heads, queries, headDim], stats [batch, heads, queries, 2]
// One thread a row. Twin: assembly/compute/attention/attentionDelta.ts
struct Shape { batch: u32, heads: u32, queries: u32, headDim: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.batch * shape.heads * shape.queries) { return; }
  var sum = 0.0;
  for (var e = 0u; e < shape.headDim; e++) { sum += y[i * shape.headDim + e] * dy[i * shape.headDim + e]; }
  stats[2u * i + 1u] = sum;
}
