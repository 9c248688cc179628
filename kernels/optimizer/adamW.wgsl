// AdamW with decoupled weight decay, in the order of PyTorch, [size]:
//   g = scale[0] * grad;  parameter *= 1 - lr * weightDecay;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   parameter -= lr * (m / correction1) / (sqrt(v / correction2) + eps),  correctionN = 1 - betaN^step
// One thread an element. Twin: assembly/compute/optimizer/adamW.ts
struct Shape {
  size: u32, lr: f32, beta1: f32, beta2: f32, eps: f32, weightDecay: f32, correction1: f32, correction2: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;     // [1], from clipScale
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;

override THREADS: u32 = 256u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.size) { return; }
  let g = scale[0] * grad[i];
  let first = shape.beta1 * m[i] + (1.0 - shape.beta1) * g;
  let second = shape.beta2 * v[i] + (1.0 - shape.beta2) * g * g;
  m[i] = first;
  v[i] = second;
  let step = shape.lr * (first / shape.correction1) / (sqrt(second / shape.correction2) + shape.eps);
  parameter[i] = parameter[i] * (1.0 - shape.lr * shape.weightDecay) - step;
}
