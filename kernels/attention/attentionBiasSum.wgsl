// The second step of dbias: dbias[h, origin + key - query] (+)= the sums of attentionBackwardBias.wgsl for that
// relative position, found in two neighbouring diagonals; partial [heads, diagonals, 64] -> dbias [heads, offsets] One
// thread an entry of dbias.
struct Shape { heads: u32, offsets: u32, origin: u32, queryBlocks: u32, diagonals: u32, accumulate: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> dbias: array<f32>;

override THREADS: u32 = 256u;

fn partAt(h: u32, diagonal: i32, t: i32) -> f32 {
  if (diagonal < 0 || diagonal >= i32(shape.diagonals) || t < 0) { return 0.0; }
  return partial[(h * shape.diagonals + u32(diagonal)) * 64u + u32(t)];
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;   // y continues x: one side of a grid ends at 65535
  if (i >= shape.heads * shape.offsets) { return; }
  let h = i / shape.offsets;
  // key - query, counted from the first entry of diagonal 0, 32 (queryBlocks - 1) before zero
  let position = i32(i % shape.offsets) - i32(shape.origin) + 32 * i32(shape.queryBlocks - 1u);
  let diagonal = position >> 5u;                             // rounds down, also below zero
  let rest = position & 31;
  let sum = partAt(h, diagonal, rest + 31) + partAt(h, diagonal + 1, rest - 1);
  dbias[i] = select(sum, dbias[i] + sum, shape.accumulate != 0u);
}
