// Products on subgroup matrices (experimental in WebGPU): operands are rounded to f16, their products summed in f32. For
// gemmNN.wgsl and gemmNT.wgsl, whose A has k contiguous in memory.
// A matrix unit multiplies SUB_M x SUB_K by SUB_K x SUB_N at once; src/backend/webgpu/products/elements.ts puts these
// constants and SUBGROUP_SIZE first. Each of 2 x 4 subgroups owns 4 x 2 matrices of c, spelt out: drivers keep arrays of
// them in memory, with which an H200 reached a third of the speed. So are the two steps of SUB_K of a tile, for drivers do
// not unroll a loop of them: it cost a quarter. Operands are fetched a step ahead.
// Tiles lie in workgroup memory as operands do in memory, rows padded so that matrices load without bank conflicts.
// src/backend/webgpu/shaders.ts puts the layout of b's tile for RIGHT_LAYOUT, and, where the adapter has subgroups of
// several sizes, the attribute that asks for SUBGROUP_SIZE.
const SPAN_M: u32 = 4u * SUB_M;
const SPAN_N: u32 = 2u * SUB_N;
const TILE_M: u32 = 2u * SPAN_M;
const TILE_N: u32 = 4u * SPAN_N;
const DEPTH: u32 = 2u * SUB_K;
const SUBGROUPS: u32 = 8u;
const THREADS: u32 = SUBGROUPS * SUBGROUP_SIZE;

alias Left = subgroup_matrix_left<f16, SUB_K, SUB_M>;
alias Right = subgroup_matrix_right<f16, SUB_N, SUB_K>;
alias Result = subgroup_matrix_result<f32, SUB_N, SUB_M>;

// Tiles in fours: aTile [TILE_M][DEPTH]; bTile [TILE_N][DEPTH] where b has k contiguous, else [DEPTH][TILE_N].
const PAD: u32 = 2u;
const FOURS_K: u32 = DEPTH / 4u;
const FOURS_B: u32 = select(TILE_N / 4u, FOURS_K, B_ALONG_K);
const STRIDE_A: u32 = FOURS_K + PAD;
const STRIDE_B: u32 = FOURS_B + PAD;
const ALL_A: u32 = TILE_M * FOURS_K;
const ALL_B: u32 = TILE_N * FOURS_K;
var<workgroup> aTile: array<vec4h, TILE_M * STRIDE_A>;
var<workgroup> bTile: array<vec4h, select(DEPTH, TILE_N, B_ALONG_K) * STRIDE_B>;
// A result of each subgroup on its way to c.
const RESULT: u32 = SUB_M * SUB_N / 4u;
var<workgroup> results: array<vec4f, SUBGROUPS * RESULT>;

// Of a; b is in f16. Values beyond the range of f16 become its largest: infinities would become NaN in sums.
fn half4(value: vec4f) -> vec4h { return vec4h(clamp(value, vec4f(-65504f), vec4f(65504f))); }
// Steps k .. k + 3, those from `end` on as zeros.
fn upToHalf(end: u32, k: u32, value: vec4h) -> vec4h {
  if (k + 4u <= end) { return value; }
  return select(vec4h(), value, k + vec4u(0u, 1u, 2u, 3u) < vec4u(end));
}

// The i-th four of the tile of a step.
fn fourOfA(place: Place, k0: u32, end: u32, i: u32) -> vec4h {
  let row = min(place.row + i / FOURS_K, shape.m - 1u);
  let k = k0 + i % FOURS_K * 4u;
  return upToHalf(end, k, half4(a4(shape.aBase + row * shape.aStride + k) * depthScale4(k)));
}
fn fourOfB(place: Place, k0: u32, end: u32, i: u32) -> vec4h {
  if (B_ALONG_K) {
    let col = min(place.col + i / FOURS_B, shape.n - 1u);
    let k = k0 + i % FOURS_B * 4u;
    return upToHalf(end, k, vec4h(b4(shape.bBase + col * shape.bStride + k)));
  }
  let k = k0 + i / FOURS_B;
  return select(vec4h(), vec4h(b4(shape.bBase + k * shape.bStride + place.col + i % FOURS_B * 4u)), k < end);
}
fn layA(i: u32, value: vec4h) { if (i < ALL_A) { aTile[i / FOURS_K * STRIDE_A + i % FOURS_K] = value; } }
fn layB(i: u32, value: vec4h) { if (i < ALL_B) { bTile[i / FOURS_B * STRIDE_B + i % FOURS_B] = value; } }

fn leftAt(row: u32, e: u32) -> u32 { return row * STRIDE_A + e / 4u; }
fn rightAt(col: u32, e: u32) -> u32 {
  if (B_ALONG_K) { return col * STRIDE_B + e / 4u; }
  return e * STRIDE_B + col / 4u;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32,
        @builtin(subgroup_invocation_id) member: u32) {
  let place = placeOf(group.x + group.y * groups.x);  // y continues x: one side of a grid ends at 65535
  let start = place.part * shape.part;
  if (start >= shape.k) { return; }           // the same for the whole workgroup
  let end = min(start + shape.part, shape.k);
  let row = subgroup / 4u * SPAN_M;           // inside of the tile
  let col = subgroup % 4u * SPAN_N;
  var c00: Result; var c01: Result;
  var c10: Result; var c11: Result;
  var c20: Result; var c21: Result;
  var c30: Result; var c31: Result;
  // Four fours of each tile a thread, which is all of them for matrices of 16 x 16 x 16 and subgroups of 32.
  var a0 = fourOfA(place, start, end, lane); var a1 = fourOfA(place, start, end, lane + THREADS);
  var a2 = fourOfA(place, start, end, lane + 2u * THREADS); var a3 = fourOfA(place, start, end, lane + 3u * THREADS);
  var b0 = fourOfB(place, start, end, lane); var b1 = fourOfB(place, start, end, lane + THREADS);
  var b2 = fourOfB(place, start, end, lane + 2u * THREADS); var b3 = fourOfB(place, start, end, lane + 3u * THREADS);
  for (var k0 = start; k0 < end; k0 += DEPTH) {
    workgroupBarrier();                       // everyone is done with the tiles of the step before
    layA(lane, a0); layA(lane + THREADS, a1); layA(lane + 2u * THREADS, a2); layA(lane + 3u * THREADS, a3);
    layB(lane, b0); layB(lane + THREADS, b1); layB(lane + 2u * THREADS, b2); layB(lane + 3u * THREADS, b3);
    if (ALL_A > 4u * THREADS) {
      for (var i = lane + 4u * THREADS; i < ALL_A; i += THREADS) { layA(i, fourOfA(place, k0, end, i)); }
    }
    if (ALL_B > 4u * THREADS) {
      for (var i = lane + 4u * THREADS; i < ALL_B; i += THREADS) { layB(i, fourOfB(place, k0, end, i)); }
    }
    workgroupBarrier();
    let next = k0 + DEPTH;
    if (next < end) {
      a0 = fourOfA(place, next, end, lane); a1 = fourOfA(place, next, end, lane + THREADS);
      a2 = fourOfA(place, next, end, lane + 2u * THREADS); a3 = fourOfA(place, next, end, lane + 3u * THREADS);
      b0 = fourOfB(place, next, end, lane); b1 = fourOfB(place, next, end, lane + THREADS);
      b2 = fourOfB(place, next, end, lane + 2u * THREADS); b3 = fourOfB(place, next, end, lane + 3u * THREADS);
    }
    {
      const e = 0u;
      let right0 = subgroupMatrixLoad<Right, RIGHT_LAYOUT>(&bTile, rightAt(col, e), STRIDE_B);
      let right1 = subgroupMatrixLoad<Right, RIGHT_LAYOUT>(&bTile, rightAt(col + SUB_N, e), STRIDE_B);
      let left0 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row, e), STRIDE_A);
      c00 = subgroupMatrixMultiplyAccumulate(left0, right0, c00);
      c01 = subgroupMatrixMultiplyAccumulate(left0, right1, c01);
      let left1 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row + SUB_M, e), STRIDE_A);
      c10 = subgroupMatrixMultiplyAccumulate(left1, right0, c10);
      c11 = subgroupMatrixMultiplyAccumulate(left1, right1, c11);
      let left2 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row + 2u * SUB_M, e), STRIDE_A);
      c20 = subgroupMatrixMultiplyAccumulate(left2, right0, c20);
      c21 = subgroupMatrixMultiplyAccumulate(left2, right1, c21);
      let left3 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row + 3u * SUB_M, e), STRIDE_A);
      c30 = subgroupMatrixMultiplyAccumulate(left3, right0, c30);
      c31 = subgroupMatrixMultiplyAccumulate(left3, right1, c31);
    }
    {
      const e = SUB_K;
      let right0 = subgroupMatrixLoad<Right, RIGHT_LAYOUT>(&bTile, rightAt(col, e), STRIDE_B);
      let right1 = subgroupMatrixLoad<Right, RIGHT_LAYOUT>(&bTile, rightAt(col + SUB_N, e), STRIDE_B);
      let left0 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row, e), STRIDE_A);
      c00 = subgroupMatrixMultiplyAccumulate(left0, right0, c00);
      c01 = subgroupMatrixMultiplyAccumulate(left0, right1, c01);
      let left1 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row + SUB_M, e), STRIDE_A);
      c10 = subgroupMatrixMultiplyAccumulate(left1, right0, c10);
      c11 = subgroupMatrixMultiplyAccumulate(left1, right1, c11);
      let left2 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row + 2u * SUB_M, e), STRIDE_A);
      c20 = subgroupMatrixMultiplyAccumulate(left2, right0, c20);
      c21 = subgroupMatrixMultiplyAccumulate(left2, right1, c21);
      let left3 = subgroupMatrixLoad<Left, row_major>(&aTile, leftAt(row + 3u * SUB_M, e), STRIDE_A);
      c30 = subgroupMatrixMultiplyAccumulate(left3, right0, c30);
      c31 = subgroupMatrixMultiplyAccumulate(left3, right1, c31);
    }
  }
  // One matrix of each subgroup after the other goes to c by way of workgroup memory, for only there its elements have places.
  let own = subgroup * RESULT;
  let at = vec4u(place.part, place.row + row, place.col + col, member);
  subgroupMatrixStore<row_major>(&results, own, c00, SUB_N / 4u);
  storeResult(at, 0u, 0u, own);
  subgroupMatrixStore<row_major>(&results, own, c01, SUB_N / 4u);
  storeResult(at, 0u, SUB_N, own);
  subgroupMatrixStore<row_major>(&results, own, c10, SUB_N / 4u);
  storeResult(at, SUB_M, 0u, own);
  subgroupMatrixStore<row_major>(&results, own, c11, SUB_N / 4u);
  storeResult(at, SUB_M, SUB_N, own);
  subgroupMatrixStore<row_major>(&results, own, c20, SUB_N / 4u);
  storeResult(at, 2u * SUB_M, 0u, own);
  subgroupMatrixStore<row_major>(&results, own, c21, SUB_N / 4u);
  storeResult(at, 2u * SUB_M, SUB_N, own);
  subgroupMatrixStore<row_major>(&results, own, c30, SUB_N / 4u);
  storeResult(at, 3u * SUB_M, 0u, own);
  subgroupMatrixStore<row_major>(&results, own, c31, SUB_N / 4u);
  storeResult(at, 3u * SUB_M, SUB_N, own);
}

// The matrix that each subgroup has put at results[own], to c: `at` is (part, row, column, member), of which the subgroup's
// first row and column, from which the matrix is `down` and `across`.
fn storeResult(at: vec4u, down: u32, across: u32, own: u32) {
  workgroupBarrier();                         // the matrix is written before its threads read it
  for (var i = at.w; i < RESULT; i += SUBGROUP_SIZE) {
    let row = at.y + down + i / (SUB_N / 4u);
    let col = at.z + across + i % (SUB_N / 4u) * 4u;
    store(at.x, row, col, results[own + i]);
  }
  workgroupBarrier();                         // and read before the next one is written
}
