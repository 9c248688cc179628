// y = 0.5 x (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3), [size]: the GELU of GPT-2
// Computed as x * sigmoid(2 u), which keeps its relative accuracy where tanh nears -1. One thread an element.
// Follows math.wgsl. Twin: assembly/compute/elements/shared/gelu.ts
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
  let v = x[i];
  let w = clamp(v, -100.0, 100.0);            // the sigmoid is 0 or 1 long before; the cube must stay finite
  y[i] = v * sigmoid(1.5957691216057308 * (w + 0.044715 * w * w * w));   // 2 sqrt(2 / pi)
}
