// dtable[unique[u], c] += sum over t in order[starts[u] .. starts[u + 1]) of dy[t, c]
//   dy [tokens, cols], order [tokens], unique [uniques], starts [uniques + 1], dtable [rows, cols]
// One thread an (id, column): no two write the same element, and the order of the sum is that of `order`. The table may be a
// window that starts at row `firstRow` of a larger one. Twin: assembly/compute/rows/embedding.ts
struct Shape { tokens: u32, rows: u32, cols: u32, uniques: u32, bounds: u32, firstRow: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> order: array<i32>;
@group(0) @binding(3) var<storage, read> unique: array<i32>;
@group(0) @binding(4) var<storage, read> starts: array<i32>;
@group(0) @binding(5) var<storage, read_write> dtable: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.uniques * shape.cols) { return; }
  let u = i / shape.cols;
  let c = i % shape.cols;
  let row = u32(unique[u]) - shape.firstRow;                 // wraps to a large number below the window
  if (row >= shape.rows) { return; }
  var sum = 0.0;
  for (var at = starts[u]; at < starts[u + 1u]; at++) { sum += dy[u32(order[at]) * shape.cols + c]; }
  dtable[row * shape.cols + c] += sum;
}
