// Sums down columns, as src/backend/kernels/plan.ts shares them out (overColumns). A workgroup owns 32 columns of a part of the
// rows; each of its 8 slices of threads sums every eighth row. Where there are several parts, what is written is
// [parts, cols], which columnSum.wgsl adds up in a second call. Put before a kernel whose Shape has
//   rows, cols, each: u32 (rows of a part), add: u32 (0: sums are written, not added to what is there)
const COLUMNS: u32 = 32u;
const SLICES: u32 = 8u;
const COLUMN_THREADS: u32 = COLUMNS * SLICES;
var<workgroup> columnSums: array<vec2f, COLUMN_THREADS>;

// The column of a thread, its rows begin, begin + SLICES, ... before `end`, and where its sums go, if they do.
struct Column { col: u32, begin: u32, end: u32, at: u32, stores: bool }
fn columnOf(group: u32, lane: u32) -> Column {
  let wide = (shape.cols + COLUMNS - 1u) / COLUMNS;
  let col = group % wide * COLUMNS + lane % COLUMNS;
  let part = group / wide;                    // of the last workgroups of a folded grid there may be no rows
  let slice = lane / COLUMNS;
  let first = part * shape.each;
  let inside = col < shape.cols && first < shape.rows;
  let end = select(0u, min(first + shape.each, shape.rows), inside);
  return Column(col, first + slice, end, part * shape.cols + col, inside && slice == 0u);
}

// Up to two sums at once, of all slices for the threads of the first.
fn sumSlices(sum: vec2f, lane: u32) -> vec2f {
  columnSums[lane] = sum;
  for (var width = SLICES / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();                       // the upper slices must be written before the lower ones read them
    if (lane / COLUMNS < width) { columnSums[lane] += columnSums[lane + width * COLUMNS]; }
  }
  return columnSums[lane];
}
