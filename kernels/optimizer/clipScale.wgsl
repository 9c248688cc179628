// norm = sqrt(sum over slots of squares);  scale = min(1, maxNorm / (norm + 1e-6)), 1 when maxNorm is 0
//   squares [slots] -> norm [1], scale [1]
// One workgroup in all. Follows reduce.wgsl. Twin: assembly/compute/optimizer/clipScale.ts
struct Shape { slots: u32, maxNorm: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

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
