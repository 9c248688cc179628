// dx = dy * (s + x s (1 - s) du), s = sigmoid(2 u), du = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2), [size]; see gelu.wgsl
// One thread an element. Follows math.wgsl. Twin: assembly/compute/elements/shared/gelu.ts
struct Shape { size: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.size) { return; }
  let v = x[i];
  let w = clamp(v, -100.0, 100.0);            // s (1 - s) is 0 long before; the cube must stay finite
  let u = 1.5957691216057308 * (w + 0.044715 * w * w * w);
  let s = sigmoid(u);
  let slope = 1.5957691216057308 * (1.0 + 0.134145 * w * w);
  dx[i] = dy[i] * (s + w * s * sigmoid(-u) * slope);
}
