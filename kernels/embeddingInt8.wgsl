// y[t, c] = table[ids[t], c] scales[ids[t]]:  table [rows, cols] in signed bytes, four a word; scales [rows];
//   ids [tokens] -> y [tokens, cols]
// One thread an element. The table and its scales may be a window that starts at row `firstRow` of a larger one: tokens with
// other ids are left for the windows that hold them. Twin: assembly/compute/embedding.ts
struct Shape { tokens: u32, rows: u32, cols: u32, firstRow: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read> ids: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.tokens * shape.cols) { return; }
  let row = u32(ids[i / shape.cols]) - shape.firstRow;       // wraps to a large number below the window
  if (row >= shape.rows) { return; }
  let at = row * shape.cols + i % shape.cols;
  y[i] = f32(extractBits(table[at / 4u], 8u * (at % 4u), 8u)) * scales[row];
}
