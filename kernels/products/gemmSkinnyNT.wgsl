// c [m, n] (+)= a [m, k] b[n, k]^T for few rows (decoding). A workgroup owns ROWS rows and 8 columns; SHARERS threads share the
// sum of a column, reading its row of b side by side, four elements each.
// Follows gemmShape.wgsl; c is bound as f32.

const COLUMNS: u32 = 8u;
override ROWS: u32 = 4u;                      // 1, 2 or 4
override SHARERS: u32 = 32u;                  // a power of two, since the tree sum halves it
override THREADS: u32 = COLUMNS * SHARERS;
var<workgroup> sums: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let down = (shape.m + ROWS - 1u) / ROWS;
  let tile = group.x + group.y * groups.x;
  let col0 = tile / down * COLUMNS;           // rows go first: they read the same columns of B
  if (col0 >= shape.n) { return; }            // the same for the whole workgroup
  let row0 = tile % down * ROWS;
  let part = lane % SHARERS;
  let col = col0 + lane / SHARERS;
  // Rows and columns past the end repeat the last one and are dropped when stored.
  let rows = shape.aBase + min(row0 + vec4u(0u, 1u, 2u, 3u), vec4u(shape.m - 1u)) * shape.aStride;
  let column = shape.bBase + min(col, shape.n - 1u) * shape.bStride;
  let none = vec4f();
  var sum = none;                             // of up to four rows
  for (var k = 4u * part; k < shape.k; k += 4u * SHARERS) {
    // Steps past the end are zeros on both sides.
    let inside = vec4<bool>(true, k + 1u < shape.k, k + 2u < shape.k, k + 3u < shape.k);
    let w = select(none, b4(column + k), inside);
    sum.x += dot(select(none, a4(rows.x + k), inside), w);
    if (ROWS > 1u) { sum.y += dot(select(none, a4(rows.y + k), inside), w); }
    if (ROWS > 2u) {
      sum.z += dot(select(none, a4(rows.z + k), inside), w);
      sum.w += dot(select(none, a4(rows.w + k), inside), w);
    }
  }
  sums[lane] = sum;
  for (var width = SHARERS / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper half must be written before the lower half reads it
    if (part < width) { sums[lane] += sums[lane + width]; }
  }
  if (part > 0u || col >= shape.n) { return; }
  let total = sums[lane] * columnScale4(col).x + bias4(col).x;
  for (var i = 0u; i < min(ROWS, shape.m - row0); i++) {
    let at = shape.cBase + (row0 + i) * shape.cStride + col;
    if (shape.accumulate != 0u) { c[at] += total[i]; } else { c[at] = total[i]; }
  }
}
