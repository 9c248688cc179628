// What the embeddings share: y[t, c] = element c of row ids[t] of a table, one thread an element. The table may be a
// window that starts at row `firstRow` of a larger one: tokens with other ids are skipped: another window holds them.
// Put before a kernel, which has the bindings, Shape too, and `elementOf(row, at)`: element `at` of the window, in row
// `row`. Twin: assembly/compute/rows/embedding.ts
override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.tokens * shape.cols) { return; }
  let row = u32(ids[i / shape.cols]) - shape.firstRow;       // wraps to a large number below the window
  if (row < shape.rows) { y[i] = elementOf(row, row * shape.cols + i % shape.cols); }
}
