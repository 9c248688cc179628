// y[t, c] = table[ids[t], c]:  table [rows, cols], ids [tokens] -> y [tokens, cols]
// Follows embeddingRows.wgsl.
struct Shape { tokens: u32, rows: u32, cols: u32, firstRow: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> ids: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn elementOf(row: u32, at: u32) -> f32 { return table[at]; }
