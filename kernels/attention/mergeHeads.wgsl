// y[b, s, column + h * headDim + e] = x[b, part, h, s, e]
//   x [batch, parts, heads, seq, headDim] -> y [batch, seq, width]; other columns of y stay as they are
// One thread an element of the copy. Twin: assembly/compute/attention/heads.ts
struct Shape { batch: u32, seq: u32, width: u32, parts: u32, heads: u32, headDim: u32, column: u32, part: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.batch * shape.seq * shape.heads * shape.headDim) { return; }
  let e = i % shape.headDim;
  let h = (i / shape.headDim) % shape.heads;
  let s = (i / (shape.headDim * shape.heads)) % shape.seq;
  let b = i / (shape.headDim * shape.heads * shape.seq);
  y[(b * shape.seq + s) * shape.width + shape.column + h * shape.headDim + e] =
    x[(((b * shape.parts + shape.part) * shape.heads + h) * shape.seq + s) * shape.headDim + e];
}
