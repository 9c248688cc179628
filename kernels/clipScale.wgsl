// norm = sqrt(sum over slots of squares);  scale = min(1, maxNorm / (norm + 1e-6)), 1 when maxNorm is 0
//   squares [slots] -> norm [1], scale [1]
// One workgroup in all. Twin: assembly/compute/clipScale.ts
struct Shape { slots: u32, maxNorm: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

override THREADS: u32 = 256u;                 // a power of two: the tree sums halve it
var<workgroup> scratch: array<f32, THREADS>;

// The sum of `value` over the workgroup, for all of its threads.
fn total(value: f32, lane: u32) -> f32 {
  scratch[lane] = value;
  for (var width = THREADS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper half must be written before the lower half reads it
    if (lane < width) { scratch[lane] += scratch[lane + width]; }
  }
  return workgroupUniformLoad(&scratch[0]);   // has barriers on both sides: scratch may be used again at once
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) lane: u32) {
  var partial = 0.0;
  for (var i = lane; i < shape.slots; i += THREADS) { partial += squares[i]; }
  let root = sqrt(total(partial, lane));
  if (lane == 0u) {
    norm[0] = root;
    scale[0] = select(1.0, min(1.0, shape.maxNorm / (root + 1e-6)), shape.maxNorm > 0.0);
  }
}
