// Sums and maxima over a workgroup of THREADS threads. Put before a kernel.

override THREADS: u32 = 256u;                 // a power of two: the tree sums halve it
var<workgroup> scratch: array<f32, THREADS>;

const LOWEST: f32 = -3.0e38;                  // where a maximum starts: infinity is not to be relied on

// The sum of `value` over the workgroup, for all of its threads.
fn total(value: f32, lane: u32) -> f32 {
  scratch[lane] = value;
  for (var width = THREADS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper half must be written before the lower half reads it
    if (lane < width) { scratch[lane] += scratch[lane + width]; }
  }
  return workgroupUniformLoad(&scratch[0]);   // has barriers on both sides: scratch may be used again at once
}

// The largest `value` in the workgroup, for all of its threads.
fn largest(value: f32, lane: u32) -> f32 {
  scratch[lane] = value;
  for (var width = THREADS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (lane < width) { scratch[lane] = max(scratch[lane], scratch[lane + width]); }
  }
  return workgroupUniformLoad(&scratch[0]);
}
