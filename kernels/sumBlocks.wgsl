// partial[g] = sum over the g-th of `parts` slices of x, or of x^2:  x [size] -> partial [parts]
// One workgroup a slice of `each` elements; sum.wgsl adds the slices up, always in the same order.
// Follows reduce.wgsl. First half of assembly/compute/sum.ts
struct Shape { size: u32, parts: u32, each: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<elem>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

override SQUARE: u32 = 0u;                    // 1: sums of squares

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
