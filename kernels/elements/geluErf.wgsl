// y = x P(X <= x) for a normal X, 0.5 x (1 + erf(x / sqrt(2))), [size]: GELU as it was first defined
// One thread an element. Follows math.wgsl and normal.wgsl. Twin: assembly/compute/elements/activations.ts
struct Shape { size: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.size) { return; }
  y[i] = x[i] * normalShare(x[i]);
}
