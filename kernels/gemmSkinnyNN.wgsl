// c [m, n] (+)= a [m, k] b [k, n] for few rows (decoding). A workgroup owns 4 rows and 32 columns; each of its SLICES
// of threads sums every SLICES-th k, b being read once, side by side. Same arguments as gemmNN.wgsl.
struct Shape {
  m: u32, n: u32, k: u32, accumulate: u32,
  aBase: u32, aStride: u32, bBase: u32, bStride: u32, cBase: u32, cStride: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> a: array<elem>;
@group(0) @binding(2) var<storage, read> b: array<elem>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

const COLUMNS: u32 = 32u;
override SLICES: u32 = 8u;                    // a power of two: the tree sum halves it
override THREADS: u32 = COLUMNS * SLICES;
var<workgroup> sums: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let across = (shape.n + COLUMNS - 1u) / COLUMNS;
  let tile = group.x + group.y * groups.x;
  let row0 = (tile / across) * 4u;
  if (row0 >= shape.m) { return; }            // the same for the whole workgroup
  let col = (tile % across) * COLUMNS + lane % COLUMNS;
  let slice = lane / COLUMNS;
  let last = shape.m - 1u;
  // Rows past the end repeat the last one and are dropped when stored.
  let a0 = shape.aBase + row0 * shape.aStride;
  let a1 = shape.aBase + min(row0 + 1u, last) * shape.aStride;
  let a2 = shape.aBase + min(row0 + 2u, last) * shape.aStride;
  let a3 = shape.aBase + min(row0 + 3u, last) * shape.aStride;
  var sum = vec4f();
  if (col < shape.n) {
    for (var k = slice; k < shape.k; k += SLICES) {
      sum += vec4f(f32(a[a0 + k]), f32(a[a1 + k]), f32(a[a2 + k]), f32(a[a3 + k])) *
        f32(b[shape.bBase + k * shape.bStride + col]);
    }
  }
  sums[lane] = sum;
  for (var width = SLICES / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper slices must be written before the lower ones read them
    if (slice < width) { sums[lane] += sums[lane + width * COLUMNS]; }
  }
  if (slice > 0u || col >= shape.n) { return; }
  for (var i = 0u; i < min(4u, shape.m - row0); i++) {
    let at = shape.cBase + (row0 + i) * shape.cStride + col;
    if (shape.accumulate != 0u) { c[at] += sums[lane][i]; } else { c[at] = sums[lane][i]; }
  }
}
