// y[b, h, start + s] = x[b, s, column + h * headDim ...] with its pairs (a, b), dims e and e + headDim / 2, turned by the
// angle of token (b, s): (a cos - b sin, b cos + a sin)
//   x [batch, seq, width], angles [batch, seq, headDim] (cosines, then sines) -> y [batch, heads, capacity, headDim];
//   other positions of y stay as they are
// One thread an element of y. Twin: assembly/compute/attention/headsRotary.ts
struct Shape { batch: u32, seq: u32, width: u32, heads: u32, capacity: u32, headDim: u32, column: u32, start: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> angles: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.batch * shape.seq * shape.heads * shape.headDim) { return; }
  let e = i % shape.headDim;
  let s = (i / shape.headDim) % shape.seq;
  let h = (i / (shape.headDim * shape.seq)) % shape.heads;
  let b = i / (shape.headDim * shape.seq * shape.heads);
  let pairs = shape.headDim / 2u;
  let token = b * shape.seq + s;
  let origin = token * shape.width + shape.column + h * shape.headDim;
  let cosine = angles[token * shape.headDim + e % pairs];
  let sine = angles[token * shape.headDim + pairs + e % pairs];
  let own = x[origin + e];
  let other = x[origin + (e + pairs) % shape.headDim];
  y[((b * shape.heads + h) * shape.capacity + shape.start + s) * shape.headDim + e] =
    own * cosine + other * select(sine, -sine, e < pairs);
}
