// y[t, c] = scale (s table[ids[t], c] + m):  table [rows, cols] in integers of four bits (src/int4.ts); scales [rows, halves],
//   a window as the table's: s of each group of 32, m then being -8 s, or s and m of each; ids [tokens] -> y [tokens, cols]
// Follows embeddingRows.wgsl.
struct Shape { tokens: u32, rows: u32, cols: u32, halves: u32, scale: f32, firstRow: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> ids: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn elementOf(row: u32, at: u32) -> f32 {
  let col = at - row * shape.cols;
  let groups = (shape.cols + 31u) / 32u;
  let group = row * groups + col / 32u;
  let integer = f32((table[4u * group + col / 4u % 4u] >> (col % 4u * 8u + col / 16u % 2u * 4u)) & 15u);
  if (shape.halves == groups) { return unpack2x16float(scales[group / 2u])[group % 2u] * (integer - 8.0) * shape.scale; }
  let pair = unpack2x16float(scales[group]);
  return (pair.x * integer + pair.y) * shape.scale;
}
