// The body that gemmNN, gemmNT and gemmTN share: c [m, n] (+)= A B, with A(row, e) and B(e, col) fetched by loadA and
// loadB, which each of them defines. A workgroup of 8 x 8 threads owns 64 x 64 elements of c, a thread 8 x 8 of them
// (rows 4 y + 0..3 and 32 + 4 y + 0..3, columns likewise), in 16 vec4 accumulators: spelt out, so that they stay in registers.
// Operands may be windows of larger matrices: base is the first element inside the binding, stride the row length.
struct Shape {
  m: u32, n: u32, k: u32, accumulate: u32,
  aBase: u32, aStride: u32, bBase: u32, bStride: u32, cBase: u32, cStride: u32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> a: array<elem>;
@group(0) @binding(2) var<storage, read> b: array<elem>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

const TILE: u32 = 64u;      // rows and columns of c a workgroup
const DEPTH: u32 = 16u;     // steps along k between two barriers; 2 x 4 KiB of workgroup memory
const GROUPS: u32 = 16u;    // TILE / 4
// [e][g] holds the four elements 4 g .. 4 g + 3 of step e, so that a thread fetches its operands as vec4.
var<workgroup> aTile: array<vec4f, 256>;
var<workgroup> bTile: array<vec4f, 256>;

fn store(row: u32, col: u32, value: vec4f) {
  if (row >= shape.m) { return; }
  for (var i = 0u; i < 4u; i++) {
    if (col + i >= shape.n) { return; }
    let at = shape.cBase + row * shape.cStride + col + i;
    if (shape.accumulate != 0u) { c[at] += value[i]; } else { c[at] = value[i]; }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let across = (shape.n + TILE - 1u) / TILE;
  let tile = group.x + group.y * groups.x;    // y continues x: one side of a grid ends at 65535
  let row0 = (tile / across) * TILE;
  let col0 = (tile % across) * TILE;
  if (row0 >= shape.m) { return; }            // the same for the whole workgroup
  let x = lane % 8u;
  let y = lane / 8u;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var d0 = vec4f(); var d1 = vec4f(); var d2 = vec4f(); var d3 = vec4f();
  var d4 = vec4f(); var d5 = vec4f(); var d6 = vec4f(); var d7 = vec4f();
  for (var k0 = 0u; k0 < shape.k; k0 += DEPTH) {
    workgroupBarrier();                       // everyone is done with the tiles of the step before
    for (var part = 0u; part < 4u; part++) {
      loadA(row0, k0, lane + 64u * part);
      loadB(col0, k0, lane + 64u * part);
    }
    workgroupBarrier();
    for (var e = 0u; e < DEPTH; e++) {        // elements past the edges are zeros in the tiles: no bounds here
      let p = aTile[e * GROUPS + y];
      let q = aTile[e * GROUPS + y + 8u];
      let l = bTile[e * GROUPS + x];
      let r = bTile[e * GROUPS + x + 8u];
      c0 += p.x * l; d0 += p.x * r;
      c1 += p.y * l; d1 += p.y * r;
      c2 += p.z * l; d2 += p.z * r;
      c3 += p.w * l; d3 += p.w * r;
      c4 += q.x * l; d4 += q.x * r;
      c5 += q.y * l; d5 += q.y * r;
      c6 += q.z * l; d6 += q.z * r;
      c7 += q.w * l; d7 += q.w * r;
    }
  }
  let row = row0 + 4u * y;
  let col = col0 + 4u * x;
  store(row, col, c0); store(row, col + 32u, d0);
  store(row + 1u, col, c1); store(row + 1u, col + 32u, d1);
  store(row + 2u, col, c2); store(row + 2u, col + 32u, d2);
  store(row + 3u, col, c3); store(row + 3u, col + 32u, d3);
  store(row + 32u, col, c4); store(row + 32u, col + 32u, d4);
  store(row + 33u, col, c5); store(row + 33u, col + 32u, d5);
  store(row + 34u, col, c6); store(row + 34u, col + 32u, d6);
  store(row + 35u, col, c7); store(row + 35u, col + 32u, d7);
}
