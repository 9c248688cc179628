// The logits of k tokens a row, and of all others together:
//   logits [rows, vocab], ids [rows, k] -> reduced [rows, k + 1], top [rows]
//   top[r] = max z;  reduced[r, i] = z[ids[r, i]] - top[r];  reduced[r, k] = T log(sum of the others' e^((z - top[r]) / T))
// One workgroup a row. The others are summed up alone: as 1 less the k, a small share would be lost. Which tokens they are
// not is marked in workgroup memory, for a stretch of the row at a time.
// A row with NaN or +infinity has NaN there. Others without a share have -1e30.
// Follows math.wgsl and reduce.wgsl. Same contract as assembly/compute/rows/reduceToTop.ts.
struct Shape { rows: u32, vocab: u32, k: u32, bins: u32, temperature: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> reduced: array<f32>;
@group(0) @binding(4) var<storage, read_write> top: array<f32>;

const STRETCH: u32 = 32768u;                  // tokens whose marks fit into 4 KiB
var<workgroup> marks: array<atomic<u32>, 1024>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  let inverse = 1.0 / shape.temperature;
  var highest = LOWEST;                       // of all tokens of this thread
  var most = LOWEST;                          // of the others so far, as is the sum that is taken from it
  var sum = 0.0;
  var spoilt = false;
  for (var start = 0u; start < shape.vocab; start += STRETCH) {
    for (var i = lane; i < 1024u; i += THREADS) { atomicStore(&marks[i], 0u); }
    workgroupBarrier();
    for (var i = lane; i < shape.k; i += THREADS) {
      let at = ids[row * shape.k + i] - start;// those before `start` wrap round, beyond the stretch
      if (at < STRETCH) { atomicOr(&marks[at / 32u], 1u << (at % 32u)); }
    }
    workgroupBarrier();
    let until = min(start + STRETCH, shape.vocab);
    for (var block = start + lane; block < until; block += ROW_BLOCK * THREADS) {
      var part = 0.0;
      for (var j = block; j < min(block + ROW_BLOCK * THREADS, until); j += THREADS) {
        let logit = logits[first + j];
        spoilt = spoilt || spoils(logit);
        let z = max(logit, LEAST_LOGIT);
        highest = max(highest, z);
        let at = j - start;
        if (((atomicLoad(&marks[at / 32u]) >> (at % 32u)) & 1u) == 1u) { continue; }
        if (z > most) {
          let fewer = expExact((most - z) * inverse);
          most = z;
          sum *= fewer;
          part *= fewer;
        }
        part += expExact((z - most) * inverse);
      }
      sum += part;
    }
    workgroupBarrier();                       // all have read the marks
  }
  let to = row * shape.bins;
  if (largestKey(select(0u, 1u, spoilt), lane) > 0u) {
    for (var i = lane; i < shape.bins; i += THREADS) { reduced[to + i] = notANumber(i); }
    if (lane == 0u) { top[row] = notANumber(row); }
    return;
  }
  let largestLogit = largest(highest, lane);
  let ofOthers = largest(most, lane);
  let share = total(sum * expExact((most - ofOthers) * inverse), lane);
  for (var i = lane; i < shape.k; i += THREADS) {
    reduced[to + i] = max(logits[first + ids[row * shape.k + i]], LEAST_LOGIT) - largestLogit;
  }
  if (lane == 0u) {
    let logit = (ofOthers - largestLogit) + shape.temperature * logExact(max(share, 1.0e-37));
    reduced[to + shape.k] = select(max(logit, LEAST_LOGIT), LEAST_LOGIT, ofOthers <= LEAST_LOGIT || share == 0.0);
    top[row] = largestLogit;
  }
}
