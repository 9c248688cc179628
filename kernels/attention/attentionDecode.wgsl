// Attention forward for few queries (decoding): the same arguments and results as attention.wgsl.
// One workgroup a query and head. KEYS keys a step: a thread scores every THREADS-th of them; then slices of the threads
// each sum up what every SLICES-th key gives to the dims of y, and in the end the slices are added up. There are too few
// threads to hide the time that memory takes, so that loops have four loads which do not wait for each other.
// Follows math.wgsl, hash.wgsl, attentionShape.wgsl and reduce.wgsl. Twin: assembly/compute/attention/attentionDecode.ts
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;

override ACROSS: u32 = 64u;                   // threads of a slice: one a dim, or all of them where they are fewer
override SLICES: u32 = THREADS / ACROSS;
const KEYS: u32 = 256u;
var<workgroup> query: array<f32, 256>;        // headDim is at most 256
var<workgroup> scores: array<f32, KEYS>;
var<workgroup> weights: array<f32, KEYS>;
var<workgroup> parts: array<f32, 256>;        // [SLICES][headDim], at most a thread or a dim each

// The query times the row of k that begins at `base`.
fn scoreOf(base: u32) -> f32 {
  var sums = vec4f();
  let whole = shape.headDim / 4u * 4u;
  for (var e = 0u; e < whole; e += 4u) {
    sums += vec4f(query[e], query[e + 1u], query[e + 2u], query[e + 3u]) *
      vec4f(k[base + e], k[base + e + 1u], k[base + e + 2u], k[base + e + 3u]);
  }
  for (var e = whole; e < shape.headDim; e++) { sums.x += query[e] * k[base + e]; }
  return (sums.x + sums.y) + (sums.z + sums.w);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // over batch, heads and queries; y continues x
  if (row >= shape.batch * shape.heads * shape.queries) { return; }
  let head = row / shape.queries;
  let keyBase = kvHeadOf(head) * shape.capacity;
  let seen = keysOf(head / shape.heads);
  let end = select(seen.y, min(seen.y, shape.past + row % shape.queries + 1u), shape.causal != 0u);
  let slice = lane / ACROSS;
  for (var e = lane; e < shape.headDim; e += THREADS) { query[e] = q[row * shape.headDim + e]; }
  for (var e = lane % ACROSS; e < shape.headDim; e += ACROSS) { parts[slice * shape.headDim + e] = 0.0; }
  workgroupBarrier();

  var top = LOWEST;
  var sum = 0.0;                              // over the keys that this thread scored, until the end
  for (var k0 = firstSeen(seen.x, shape.past + row % shape.queries); k0 < end; k0 += KEYS) {
    let count = min(KEYS, end - k0);
    var highest = top;
    for (var j = lane; j < count; j += THREADS) {
      var score = scoreOf((keyBase + k0 + j) * shape.headDim) * shape.scale;
      if (shape.biased != 0u) { score += biasOf(head, row % shape.queries, k0 + j); }
      scores[j] = score;
      highest = max(highest, score);
    }
    highest = largest(highest, lane);         // also: everyone is done with the weights of the step before
    let fade = expExact(top - highest);       // what was summed so far, at the new maximum
    top = highest;
    sum *= fade;
    for (var j = lane; j < count; j += THREADS) {
      let weight = expExact(scores[j] - top);
      sum += weight;
      weights[j] = weight;
      if (shape.threshold != 0u) { weights[j] = weight * dropFactor(row, k0 + j); }
    }
    workgroupBarrier();
    for (var e = lane % ACROSS; e < shape.headDim; e += ACROSS) {
      let at = slice * shape.headDim + e;
      let base = (keyBase + k0) * shape.headDim + e;
      var value = parts[at] * fade;
      var j = slice;
      for (; j + 3u * SLICES < count; j += 4u * SLICES) {
        value += (weights[j] * v[base + j * shape.headDim] +
          weights[j + SLICES] * v[base + (j + SLICES) * shape.headDim]) +
          (weights[j + 2u * SLICES] * v[base + (j + 2u * SLICES) * shape.headDim] +
          weights[j + 3u * SLICES] * v[base + (j + 3u * SLICES) * shape.headDim]);
      }
      for (; j < count; j += SLICES) { value += weights[j] * v[base + j * shape.headDim]; }
      parts[at] = value;
    }
  }

  let all = total(sum, lane);                 // also: the parts are written
  let scale = select(0.0, 1.0 / all, all > 0.0);
  for (var e = lane; e < shape.headDim; e += THREADS) {
    var value = 0.0;
    for (var s = 0u; s < SLICES; s++) { value += parts[s * shape.headDim + e]; }
    y[row * shape.headDim + e] = value * scale;
  }
  if (lane == 0u) {
    stats[2u * row] = select(0.0, top + logExact(max(all, 1.0e-37)), all > 0.0);
    stats[2u * row + 1u] = 0.0;
  }
}
