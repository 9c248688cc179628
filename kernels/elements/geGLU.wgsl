// y = gelu(gate) up, [size], with GPT-2's tanh form of GELU
// One thread an element. Follows math.wgsl and geluTanh.wgsl. Twin: assembly/compute/elements/geGLU.ts
struct Shape { size: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read> up: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.size) { return; }
  y[i] = geluTanh(gate[i]) * up[i];
}
