// The next token of each row: logits [rows, vocab], seeds [rows, 2] (low word, high word) -> ids [rows]
// Drawn with weight exp((logit - largest) / temperature) among the topK largest logits (0: all; those equal to the last of
// them stay), of these only the largest whose weights add up to at least topP of all (among equal logits the lower ids).
// Only the first `drawable` tokens of a row are looked at.
// temperature 0: the largest logit, the lowest id among equals. -1: the row has NaN or +infinity; -2: all are -infinity.
// One workgroup a row. The draw is a race: token j waits an exponential time of rate `weight`, the first one wins, so no
// sums over the vocabulary are needed. Times come from word j % 2 of threefry2x32-13(key seed, counter (j / 2, step)).
// Thresholds are found two bits a pass in the integers that order the logits. Follows math.wgsl and reduce.wgsl.
// Same contract as assembly/compute/rows/sample.ts, which says how the two differ.
struct Shape { rows: u32, vocab: u32, temperature: f32, topK: u32, topP: f32, step: u32, drawable: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<u32>;   // bits of f32: WGSL does not promise to keep NaN or infinity
@group(0) @binding(2) var<storage, read> seeds: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> ids: array<i32>;

const NO_LOGIT: u32 = 0x007fffffu;            // key of -infinity
const TOO_LARGE: u32 = 0xff800000u;           // key of +infinity; NaN is above

// Unsigned integers in the order of the floats; -0 is 0.
fn keyOf(i: u32) -> u32 {
  let bits = logits[i];
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  return select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
}

// A row as it is searched: its first logit, the largest one, and the key that ties are counted for.
struct Row { first: u32, top: f32, tie: u32 }

fn weightOf(key: u32, top: f32) -> f32 {
  if (key <= NO_LOGIT) { return 0.0; }
  let logit = bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
  return expExact((logit - top) / shape.temperature);
}

// What `atLeast` adds up: tokens by key; weights by key; tokens with the key `tie`, by how far from the end they are.
const COUNT: u32 = 0u;
const WEIGHT: u32 = 1u;
const TIES: u32 = 2u;

// What is at or above each of three thresholds. Sums run in one order whatever the threshold: they never rise with it.
fn atLeast(kind: u32, thresholds: vec3u, row: Row, lane: u32) -> vec3f {
  var found = vec3f(0.0);
  for (var j = lane; j < shape.drawable; j += THREADS) {
    var rank = keyOf(row.first + j);
    var size = 1.0;
    if (kind == WEIGHT) { size = weightOf(rank, row.top); }
    if (kind == TIES) { rank = select(0u, shape.drawable - j, rank == row.tie); }
    found += select(vec3f(0.0), vec3f(size), vec3u(rank) >= thresholds);
  }
  return totals(found, lane);
}

// The largest threshold below 2^bits that still leaves `wanted`, or a lower one that leaves the same; `bits` is even.
fn threshold(kind: u32, wanted: f32, bits: u32, row: Row, lane: u32) -> u32 {
  var found = 0u;
  for (var shift = bits; shift > 0u;) {
    shift -= 2u;
    let left = atLeast(kind, found + (vec3u(1u, 2u, 3u) << vec3u(shift)), row, lane);
    let reached = vec3u(left >= vec3f(wanted));
    found += (reached.x + reached.y + reached.z) << shift;
    if (any(left == vec3f(wanted))) { break; }
  }
  return found;
}

fn turn(x: vec2u, by: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, sum ^ ((x.y << by) | (x.y >> (32u - by))));
}

// Threefry-2x32 with 13 rounds (Salmon et al. 2011): the fewest that pass BigCrush.
fn threefry(counter: vec2u, key: vec2u) -> vec2u {
  let third = key.x ^ key.y ^ 0x1bd11bdau;
  var x = turn(turn(turn(turn(counter + key, 13u), 15u), 26u), 6u);
  x = turn(turn(turn(turn(x + vec2u(key.y, third + 1u), 17u), 29u), 16u), 24u);
  x = turn(turn(turn(turn(x + vec2u(third, key.x + 2u), 13u), 15u), 26u), 6u);
  return turn(x + vec2u(key.x, key.y + 3u), 17u);
}

// -log(1 - (h + 1/2) / 2^32), relatively accurate at both ends: a waiting time of rate 1.
fn waiting(h: u32) -> f32 {
  let isShort = h < 0x80000000u;
  let v = (f32(select(~h, h, isShort)) + 0.5) * 2.3283064365386963e-10;   // at most 1/2
  return select(-logExact(v), log1pUnit(v / (1.0 - v)), isShort);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let r = group.x + group.y * groups.x;       // y continues x: one side of a grid ends at 65535
  if (r >= shape.rows) { return; }            // the same for the whole workgroup, so barriers stay legal
  let first = r * shape.vocab;
  var highest = 0u;
  var at = 0u;
  for (var j = lane; j < shape.drawable; j += THREADS) {
    let key = keyOf(first + j);
    if (key > highest) {
      highest = key;
      at = j;
    }
  }
  let topKey = largestKey(highest, lane);
  // Ids are compared from the end, so that the lowest is the largest.
  let likeliest = shape.drawable - largestKey(select(0u, shape.drawable - at, highest == topKey), lane);
  if (topKey >= TOO_LARGE || topKey <= NO_LOGIT || shape.temperature == 0.0) {
    if (lane == 0u) { ids[r] = select(select(i32(likeliest), -2, topKey <= NO_LOGIT), -1, topKey >= TOO_LARGE); }
    return;
  }
  var row = Row(first, bitcast<f32>(logits[first + likeliest]), 0u);
  var lowest = NO_LOGIT + 1u;
  var lastTie = 0u;                           // how far from the end the last kept token with the lowest key is
  if (shape.topK > 0u && shape.topK < shape.drawable) { lowest = max(lowest, threshold(COUNT, f32(shape.topK), 32u, row, lane)); }
  if (shape.topP < 1.0) {
    let wanted = shape.topP * atLeast(WEIGHT, vec3u(lowest), row, lane).x;
    lowest = threshold(WEIGHT, wanted, 32u, row, lane);
    let above = atLeast(WEIGHT, vec3u(lowest + 1u), row, lane).x;
    let counts = atLeast(COUNT, vec3u(lowest, lowest + 1u, 0u), row, lane);
    let needed = max(1.0, ceil((wanted - above) / weightOf(lowest, row.top)));
    if (needed < counts.x - counts.y) {
      row.tie = lowest;
      lastTie = threshold(TIES, needed, (33u - countLeadingZeros(shape.drawable)) & 62u, row, lane);
    }
  }
  var best = 0.0;
  var winner = 0u;
  for (var pair = lane; 2u * pair < shape.drawable; pair += THREADS) {
    let words = threefry(vec2u(pair, shape.step), seeds[r]);
    for (var j = 2u * pair; j < min(2u * pair + 2u, shape.drawable); j++) {
      let key = keyOf(first + j);
      if (key < lowest || (key == lowest && shape.drawable - j < lastTie)) { continue; }
      let score = weightOf(key, row.top) / waiting(select(words.x, words.y, (j & 1u) == 1u));
      if (score > best) {
        best = score;
        winner = j;
      }
    }
  }
  // Scores are positive, so their bits have their order; the largest weight of 1 makes one of them more than 0.
  let most = largestKey(bitcast<u32>(best), lane);
  let drawn = shape.drawable - largestKey(select(0u, shape.drawable - winner, bitcast<u32>(best) == most), lane);
  if (lane == 0u) { ids[r] = i32(drawn); }
}
