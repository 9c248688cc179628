// y[t, c] = table[ids[t], c] scales[ids[t], group of c]:  table [rows, cols] in signed bytes, four a word; scales [rows, groups],
//   one or one for 32 columns, a window as the table's; ids [tokens] -> y [tokens, cols]
// Follows embeddingRows.wgsl.
struct Shape { tokens: u32, rows: u32, cols: u32, groups: u32, firstRow: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read> ids: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn elementOf(row: u32, at: u32) -> f32 {
  return f32(extractBits(table[at / 4u], 8u * (at % 4u), 8u)) * scales[row * shape.groups + (at - row * shape.cols) / (shape.cols / shape.groups)];
}
