// c [m, n] (+)= a [m, k] b [k, n] for few rows (decoding). A workgroup owns ROWS rows and 4 GROUPS columns, a thread four columns
// of all its rows; each of its SLICES of threads sums every SLICES-th four steps of k, so that b is read once, side by side.
// Follows gemmShape.wgsl.

override ROWS: u32 = 4u;                      // 1, 2 or 4
override GROUPS: u32 = 8u;                    // of four columns
override SLICES: u32 = 8u;                    // a power of two, since the tree sum halves it
override THREADS: u32 = GROUPS * SLICES;
var<workgroup> sums: array<vec4f, ROWS * THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let down = (shape.m + ROWS - 1u) / ROWS;
  let tile = group.x + group.y * groups.x;
  let col0 = tile / down * GROUPS * 4u;       // rows go first: they read the same columns of b
  if (col0 >= shape.n) { return; }            // the same for the whole workgroup
  let row0 = tile % down * ROWS;
  let col = col0 + lane % GROUPS * 4u;
  let slice = lane / GROUPS;
  // Rows past the end repeat the last one and are dropped when stored.
  let rows = shape.aBase + min(row0 + vec4u(0u, 1u, 2u, 3u), vec4u(shape.m - 1u)) * shape.aStride;
  let none = vec4f();
  var sum0 = none; var sum1 = none; var sum2 = none; var sum3 = none;
  for (var k = 4u * slice; k < shape.k; k += 4u * SLICES) {
    // Steps past the end are zeros on both sides.
    let inside = vec4<bool>(true, k + 1u < shape.k, k + 2u < shape.k, k + 3u < shape.k);
    let at = shape.bBase + col + k * shape.bStride;
    let w0 = b4(at);
    let w1 = select(none, b4(at + shape.bStride), inside.y);
    let w2 = select(none, b4(at + 2u * shape.bStride), inside.z);
    let w3 = select(none, b4(at + 3u * shape.bStride), inside.w);
    let scale = depthScale4(k);
    let x = select(none, a4(rows.x + k) * scale, inside);
    sum0 += x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
    if (ROWS > 1u) {
      let y = select(none, a4(rows.y + k) * scale, inside);
      sum1 += y.x * w0 + y.y * w1 + y.z * w2 + y.w * w3;
    }
    if (ROWS > 2u) {
      let z = select(none, a4(rows.z + k) * scale, inside);
      let w = select(none, a4(rows.w + k) * scale, inside);
      sum2 += z.x * w0 + z.y * w1 + z.z * w2 + z.w * w3;
      sum3 += w.x * w0 + w.y * w1 + w.z * w2 + w.w * w3;
    }
  }
  sums[lane] = sum0;
  if (ROWS > 1u) { sums[THREADS + lane] = sum1; }
  if (ROWS > 2u) { sums[2u * THREADS + lane] = sum2; sums[3u * THREADS + lane] = sum3; }
  for (var width = SLICES / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper slices must be written before the lower ones read them
    if (slice < width) {
      for (var i = lane; i < ROWS * THREADS; i += THREADS) { sums[i] += sums[i + width * GROUPS]; }
    }
  }
  workgroupBarrier();
  if (col >= shape.n) { return; }
  for (var i = slice; i < min(ROWS, shape.m - row0); i += SLICES) {
    let value = sums[i * THREADS + lane % GROUPS] * columnScale4(col) + bias4(col);
    put(shape.cBase + (row0 + i) * shape.cStride + col, shape.n - col, shape.accumulate != 0u, value);
  }
}
