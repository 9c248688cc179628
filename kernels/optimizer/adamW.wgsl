// AdamW with decoupled weight decay, in the order of PyTorch, [size]:
//   g = scale[0] * grad;  m += take1 (g - m);  v += take2 (g^2 - v);  takeN = 1 - betaN
//   parameter -= decay * parameter + lr * (m / correction1) / (sqrt(v / correction2) + eps),  decay = lr * weightDecay,
//   correctionN = 1 - betaN^step
// One thread an element. Twin: assembly/compute/optimizer/adamW.ts
struct Shape {
  size: u32, lr: f32, take1: f32, take2: f32, eps: f32, decay: f32, correction1: f32, correction2: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;     // [1], from clipScale
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;

override THREADS: u32 = 256u;

// before + take (fresh - before), from the side that has the larger share, whose rounding is then the only one that counts
fn moved(before: f32, fresh: f32, take: f32) -> f32 {
  let fromFresh = take >= 0.5;
  let start = select(before, fresh, fromFresh);
  let end = select(fresh, before, fromFresh);
  return start + select(take, 1.0 - take, fromFresh) * (end - start);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.size) { return; }
  let g = scale[0] * grad[i];
  let first = moved(m[i], g, shape.take1);
  let second = moved(v[i], g * g, shape.take2);
  m[i] = first;
  v[i] = second;
  let step = shape.lr * (first / shape.correction1) / (sqrt(second / shape.correction2) + shape.eps);
  parameter[i] -= shape.decay * parameter[i] + step;
}
