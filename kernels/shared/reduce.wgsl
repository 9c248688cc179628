// Sums and maxima over a workgroup of THREADS threads. Put before a kernel.
// In two steps, in an order that is the same on every device: SPAN threads each add every SPAN-th value, then one
// thread adds their sums. A tree that halves its width has a barrier a level: with 256 threads it took 1.7 times as
// long on SwiftShader and on llvmpipe. Subgroup operations took as long as the two steps there, or longer.

override THREADS: u32 = 256u;
const SPAN: u32 = 16u;
// A thread that sums a row of a vocabulary adds so many terms up on their own before they join its sum: a long sum in f32
// loses terms that are small beside it (1e-5 of 20,000 terms a thread).
const ROW_BLOCK: u32 = 128u;
var<workgroup> scratch: array<f32, THREADS>;
var<workgroup> scratch3: array<vec3f, THREADS>;
var<workgroup> scratchKeys: array<u32, THREADS>;

// The sum of `value` over the workgroup, for all of its threads.
fn total(value: f32, lane: u32) -> f32 {
  var sum = value;
  scratch[lane] = sum;
  workgroupBarrier();                         // values must be written before other threads read them
  if (THREADS > SPAN) {
    if (lane < SPAN) {
      for (var i = lane + SPAN; i < THREADS; i += SPAN) { sum += scratch[i]; }
      scratch[lane] = sum;                    // which no other thread has read
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    for (var i = 1u; i < min(SPAN, THREADS); i++) { sum += scratch[i]; }
    scratch[0] = sum;
  }
  return workgroupUniformLoad(&scratch[0]);   // has barriers on both sides: scratch may be used again at once
}

// Three sums at once.
fn totals(value: vec3f, lane: u32) -> vec3f {
  var sum = value;
  scratch3[lane] = sum;
  workgroupBarrier();
  if (THREADS > SPAN) {
    if (lane < SPAN) {
      for (var i = lane + SPAN; i < THREADS; i += SPAN) { sum += scratch3[i]; }
      scratch3[lane] = sum;
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    for (var i = 1u; i < min(SPAN, THREADS); i++) { sum += scratch3[i]; }
    scratch3[0] = sum;
  }
  return workgroupUniformLoad(&scratch3[0]);
}

// The largest `value` in the workgroup, for all of its threads: by integers that have the order of the floats.
fn largest(value: f32, lane: u32) -> f32 {
  let bits = bitcast<u32>(value);
  let key = largestKey(select(bits | 0x80000000u, ~bits, bits >= 0x80000000u), lane);
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}
fn largestKey(value: u32, lane: u32) -> u32 {
  var most = value;
  scratchKeys[lane] = most;
  workgroupBarrier();
  if (THREADS > SPAN) {
    if (lane < SPAN) {
      for (var i = lane + SPAN; i < THREADS; i += SPAN) { most = max(most, scratchKeys[i]); }
      scratchKeys[lane] = most;
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    for (var i = 1u; i < min(SPAN, THREADS); i++) { most = max(most, scratchKeys[i]); }
    scratchKeys[0] = most;
  }
  return workgroupUniformLoad(&scratchKeys[0]);
}
