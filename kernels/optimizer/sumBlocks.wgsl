// partial[b] = sum over the b-th of `blocks` blocks of x, or of x^2:  x [size] -> partial [blocks]
// One workgroup a block of `each` elements; sum.wgsl adds the partial sums up, always in the same order.
// Follows reduce.wgsl. Twin: sumBlocks in assembly/compute/optimizer/sum.ts
struct Shape { size: u32, blocks: u32, each: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

override SQUARE: u32 = 0u;                    // 1: sums of squares

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.x + group.y * groups.x;
  if (block >= shape.blocks) { return; }        // the same for the whole workgroup
  let end = min((block + 1u) * shape.each, shape.size);
  var sum = 0.0;
  for (var i = block * shape.each + lane; i < end; i += THREADS) {
    let v = x[i];
    sum += select(v, v * v, SQUARE == 1u);
  }
  let all = total(sum, lane);
  if (lane == 0u) { partial[block] = all; }
}
