// partial[g] = sum over the g-th of `parts` slices of x, or of x^2:  x [size] -> partial [parts]
// One workgroup a slice of `each` elements; sum.wgsl adds the slices up, always in the same order.
// First half of assembly/compute/sum.ts and sumSquares.ts
struct Shape { size: u32, parts: u32, each: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<elem>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

override SQUARE: u32 = 0u;                    // 1: sums of squares

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
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let part = group.x + group.y * groups.x;
  if (part >= shape.parts) { return; }        // the same for the whole workgroup
  let end = min((part + 1u) * shape.each, shape.size);
  var sum = 0.0;
  for (var i = part * shape.each + lane; i < end; i += THREADS) {
    let v = f32(x[i]);
    sum += select(v, v * v, SQUARE == 1u);
  }
  let all = total(sum, lane);
  if (lane == 0u) { partial[part] = all; }
}
