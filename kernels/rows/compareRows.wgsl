// How sure two models are, and whether they agree, row by row:
//   teacher [rows, vocab], student [rows, vocab], labels [rows]
//     -> teacherEntropy [rows], studentEntropy [rows], nats, agreement [rows]
//   agreement: 1 where the likeliest tokens, the first of equals, are the same, else 0;  label -100: 0, 0, 0
// One workgroup a row. The entropy is log(sum e^x) - sum x e^x / sum e^x, x the distances from the largest logit: both
// addends are at least 0. A row with NaN or +infinity has the entropy NaN.
// Follows math.wgsl and reduce.wgsl. Same contract as assembly/compute/rows/compareRows.ts.
struct Shape { rows: u32, vocab: u32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> teacher: array<f32>;
@group(0) @binding(2) var<storage, read> student: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<i32>;
@group(0) @binding(4) var<storage, read_write> teacherEntropy: array<f32>;
@group(0) @binding(5) var<storage, read_write> studentEntropy: array<f32>;
@group(0) @binding(6) var<storage, read_write> agreement: array<f32>;

// What one thread has found of a row so far: the sums are taken from its largest logit.
struct Found { most: f32, at: u32, sum: f32, product: f32 }
fn including(found: Found, logit: f32, j: u32) -> Found {
  let z = max(logit, LEAST_LOGIT);
  if (z > found.most) {
    let fewer = expExact(found.most - z);
    // Of the sum of x e^x, each x grows by the step.
    let step = select(found.most - z, 0.0, found.sum == 0.0);
    return Found(z, j, found.sum * fewer + 1.0, (found.product + step * found.sum) * fewer);
  }
  let x = z - found.most;
  let e = expExact(x);
  return Found(found.most, found.at, found.sum + e, found.product + x * e);
}
struct Whole { entropy: f32, likeliest: u32 }
fn whole(found: Found, lane: u32) -> Whole {
  let most = largest(found.most, lane);
  // f32 holds indices up to 2^24.
  let likeliest = u32(-largest(select(LOWEST, -f32(found.at), found.most == most), lane));
  let step = select(found.most - most, 0.0, found.sum == 0.0);
  let fewer = expExact(step);
  let sums = totals(vec3f(found.sum * fewer, (found.product + step * found.sum) * fewer, 0.0), lane);
  return Whole(logExact(sums.x) - sums.y / sums.x, likeliest);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  if (labels[row] == -100) {
    if (lane == 0u) {
      teacherEntropy[row] = 0.0;
      studentEntropy[row] = 0.0;
      agreement[row] = 0.0;
    }
    return;
  }
  let first = row * shape.vocab;
  var t = Found(LOWEST, 0u, 0.0, 0.0);
  var s = t;
  var spoiltT = false;
  var spoiltS = false;
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let logitT = teacher[first + j];
    let logitS = student[first + j];
    spoiltT = spoiltT || spoils(logitT);
    spoiltS = spoiltS || spoils(logitS);
    t = including(t, logitT, j);
    s = including(s, logitS, j);
  }
  let anyT = largestKey(select(0u, 1u, spoiltT), lane) > 0u;
  let anyS = largestKey(select(0u, 1u, spoiltS), lane) > 0u;
  let ofT = whole(t, lane);
  let ofS = whole(s, lane);
  if (lane == 0u) {
    if (anyT) { teacherEntropy[row] = notANumber(row); } else { teacherEntropy[row] = ofT.entropy; }
    if (anyS) { studentEntropy[row] = notANumber(row); } else { studentEntropy[row] = ofS.entropy; }
    agreement[row] = select(0.0, 1.0, ofT.likeliest == ofS.likeliest);
  }
}
