// Ids of the k largest logits of each row: logits [rows, vocab] -> ids [rows, k], ascending; of equal logits the lowest.
// One workgroup a row. The k-th largest is found two bits a pass in the integers that order the logits; then each thread
// writes those of a stretch of the row, whose place follows from the counts of the threads before it.
// Follows math.wgsl and reduce.wgsl. Same contract as assembly/compute/rows/topTokens.ts, which says how the two differ.
struct Shape { rows: u32, vocab: u32, k: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<u32>;   // bits of f32: WGSL does not promise to keep NaN or infinity
@group(0) @binding(2) var<storage, read_write> ids: array<u32>;

// Of a thread's stretch: logits above the k-th largest, and those equal to it.
var<workgroup> above: array<u32, THREADS>;
var<workgroup> equal: array<u32, THREADS>;

// Unsigned integers in the order of the floats; -0 is 0, NaN is above all.
fn keyOf(i: u32) -> u32 {
  let bits = logits[i];
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  let wanted = f32(shape.k);                  // f32 holds counts up to 2^24
  var lowest = 0u;
  for (var shift = 32u; shift > 0u;) {
    shift -= 2u;
    let thresholds = lowest + (vec3u(1u, 2u, 3u) << vec3u(shift));
    var found = vec3f();
    for (var j = lane; j < shape.vocab; j += THREADS) {
      found += select(vec3f(), vec3f(1.0), vec3u(keyOf(first + j)) >= thresholds);
    }
    let left = vec3u(totals(found, lane) >= vec3f(wanted));
    lowest += (left.x + left.y + left.z) << shift;
  }
  let each = (shape.vocab + THREADS - 1u) / THREADS;
  let begin = min(lane * each, shape.vocab);
  let end = min(begin + each, shape.vocab);
  var own = vec2u();
  for (var j = begin; j < end; j++) {
    let key = keyOf(first + j);
    own += vec2u(select(0u, 1u, key > lowest), select(0u, 1u, key == lowest));
  }
  above[lane] = own.x;
  equal[lane] = own.y;
  workgroupBarrier();
  var before = vec2u();
  var all = 0u;
  for (var i = 0u; i < THREADS; i++) {
    if (i < lane) { before += vec2u(above[i], equal[i]); }
    all += above[i];
  }
  let ties = shape.k - all;                   // of the equal ones so many are taken
  for (var j = begin; j < end; j++) {
    let key = keyOf(first + j);
    if (key < lowest || (key == lowest && before.y >= ties)) { continue; }
    ids[row * shape.k + before.x + min(before.y, ties)] = j;
    if (key == lowest) { before.y += 1u; } else { before.x += 1u; }
  }
}
