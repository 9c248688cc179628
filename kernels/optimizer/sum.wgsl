// total[slot] (+)= sum of x, or of x^2:  x [size], total [slots]
// One workgroup in all; long arrays go through sumBlocks.wgsl first. Follows reduce.wgsl. Twin: assembly/compute/optimizer/sum.ts
struct Shape { size: u32, slots: u32, slot: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

override SQUARE: u32 = 0u;                    // 1: sums of squares

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) lane: u32) {
  var partial = 0.0;
  for (var i = lane; i < shape.size; i += THREADS) {
    let v = x[i];
    partial += select(v, v * v, SQUARE == 1u);
  }
  let all = total(partial, lane);
  if (lane == 0u) {
    if (shape.accumulate != 0u) { sums[shape.slot] += all; } else { sums[shape.slot] = all; }
  }
}
