// The loop of gemmTile.wgsl with subgroup matrices (experimental in WebGPU): operands are rounded to f16, products are
// summed in f32. Each of 2 x 2 subgroups owns SPAN_M x SPAN_N elements of c. A matrix unit multiplies SUB_M x SUB_K by
// SUB_K x SUB_N at once; src/backend/webgpu/products/elements.ts puts these constants and SUBGROUP_SIZE first. Where the
// adapter has subgroups of several sizes, shaders.ts adds the attribute that asks for SUBGROUP_SIZE.
alias Four = vec4h;
// Values beyond the range of f16 become its largest: infinities would become NaN in sums.
fn four(value: vec4f) -> Four { return vec4h(clamp(value, vec4f(-65504f), vec4f(65504f))); }

const SPAN_M: u32 = 64u;
const SPAN_N: u32 = 32u;
const TILE_M: u32 = 2u * SPAN_M;
const TILE_N: u32 = 2u * SPAN_N;
const SUBGROUPS: u32 = 4u;
const THREADS: u32 = SUBGROUPS * SUBGROUP_SIZE;

alias Left = subgroup_matrix_left<f16, SUB_K, SUB_M>;
alias Right = subgroup_matrix_right<f16, SUB_N, SUB_K>;
alias Result = subgroup_matrix_result<f32, SUB_N, SUB_M>;
const MATRICES_M: u32 = SPAN_M / SUB_M;
const MATRICES_N: u32 = SPAN_N / SUB_N;
// A result of each subgroup on its way to c, in fours.
const RESULT: u32 = SUB_M * SUB_N / 4u;
var<workgroup> results: array<vec4f, SUBGROUPS * RESULT>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32,
        @builtin(subgroup_invocation_id) member: u32) {
  let place = placeOf(group.x + group.y * groups.x);  // y continues x: one side of a grid ends at 65535
  let start = place.part * shape.part;
  if (start >= shape.k) { return; }           // the same for the whole workgroup
  let end = min(start + shape.part, shape.k);
  let row = subgroup / 2u * SPAN_M;           // inside of the tile
  let col = subgroup % 2u * SPAN_N;
  var sums: array<array<Result, MATRICES_N>, MATRICES_M>;
  for (var k0 = start; k0 < end; k0 += DEPTH) {
    workgroupBarrier();                       // everyone is done with the tiles of the step before
    fillTiles(place, k0, end, lane);
    workgroupBarrier();
    for (var e = 0u; e < DEPTH; e += SUB_K) {
      var right: array<Right, MATRICES_N>;
      for (var j = 0u; j < MATRICES_N; j++) {
        right[j] = subgroupMatrixLoad<Right, row_major>(&bTile, e * GROUPS_N + (col + j * SUB_N) / 4u, GROUPS_N);
      }
      for (var i = 0u; i < MATRICES_M; i++) {
        let left = subgroupMatrixLoad<Left, col_major>(&aTile, e * GROUPS_M + (row + i * SUB_M) / 4u, GROUPS_M);
        for (var j = 0u; j < MATRICES_N; j++) {
          sums[i][j] = subgroupMatrixMultiplyAccumulate(left, right[j], sums[i][j]);
        }
      }
    }
  }
  for (var i = 0u; i < MATRICES_M; i++) {
    for (var j = 0u; j < MATRICES_N; j++) {
      workgroupBarrier();                     // everyone has stored the result before
      subgroupMatrixStore<row_major>(&results, subgroup * RESULT, sums[i][j], SUB_N / 4u);
      workgroupBarrier();
      for (var at = member; at < RESULT; at += SUBGROUP_SIZE) {
        let down = row + i * SUB_M + at / (SUB_N / 4u);
        let across = col + j * SUB_N + at % (SUB_N / 4u) * 4u;
        store(place.part, place.row + down, place.col + across, results[subgroup * RESULT + at]);
      }
    }
  }
}
