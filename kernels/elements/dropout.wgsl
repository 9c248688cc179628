// y[i] = hash(seed, i) >= threshold ? x[i] * scale : 0, [size]; threshold = probability * 2^32, scale = 1 / (1 - probability).
// One thread an element. `first` is the index of the first element when this is a window of a larger array.
// Follows hash.wgsl. Twin: assembly/compute/elements/dropout.ts
struct Shape { size: u32, seed: u32, threshold: u32, scale: f32, first: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.size) { return; }
  y[i] = select(0.0, x[i] * shape.scale, kept(shape.seed, shape.first + i, shape.threshold));
}
