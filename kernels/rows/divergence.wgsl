// A divergence between p = softmax(teacher / temperature) and q = softmax(student / temperature), and its gradient:
//   teacher [rows, vocab], labels [rows], student [rows, vocab] (read, then the gradient) -> loss [rows], nats
//   loss[r] = D(p, q), complete (0 at equality);  student = gradScale / temperature * q (g - sum q g);  label -100: 0, 0
// One workgroup a row, four passes: maxima, log-sum-exps, loss and sums of the gradient, gradient. All in
// log-probabilities, taken from the maximum so that large logits lose nothing; mixtures by log-sum-exp, so that no
// underflow becomes a NaN. When the student's likeliest token r has nearly all probability, g_r - sum q g would be
// rounding noise. So g_r is subtracted from all g. What needs no g, weight * (q - p), cancels at r when both models have
// nearly all probability there: then it follows from the other tokens, since it sums to 0. When neither has, it is taken
// directly, for the sum has the errors of all tokens.
// Follows divergenceKinds.wgsl, math.wgsl and reduce.wgsl. Same contract as assembly/compute/rows/divergence.ts, which
// says how the two differ.
struct Shape { rows: u32, vocab: u32, weight: f32, temperature: f32, gradScale: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> teacher: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read_write> student: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

override KIND: u32 = 0u;                      // one of divergenceKinds.wgsl

// log of a weight that may be 0: so low that its share of a mixture is 0, yet finite in every sum
fn logWeight(w: f32) -> f32 { return select(-1.0e30, logExact(max(w, 1.0e-37)), w > 0.0); }

// log(e^x + e^y)
fn logAddExp(x: f32, y: f32) -> f32 { return max(x, y) + log1pUnit(expExact(-abs(x - y))); }

// One term of KL(a, b) as a (log a - log b) - a + b. The last two sum to 0 over the vocabulary; with them each term is
// at least 0, and an error in the normalisation of a or b matters only in second order.
fn klTerm(a: f32, logA: f32, b: f32, logB: f32) -> f32 {
  let d = logA - logB;
  // e^-d - 1 + d for small d, where a (d - 1) + b would cancel
  let small = d * d * (0.5 - d * (0.16666667 - d * (0.041666668 - d * (0.0083333338 - d * (0.0013888889 - d * 1.9841270e-4)))));
  return select(a * (d - 1.0) + b, a * small, abs(d) < 0.25);
}

// log(1 + e^z), relatively accurate where it is small
fn softplus(z: f32) -> f32 { return max(z, 0.0) + log1pUnit(expExact(-abs(z))); }

// e^z / (1 + e^z) - log(1 + e^z); for small e^z the two nearly cancel
fn skewSlope(z: f32) -> f32 {
  let x = expExact(min(z, 0.0));
  let series = x * x * (-0.5 + x * (0.66666667 - x * (0.75 - 0.8 * x)));
  return select(sigmoid(z) - softplus(z), series, x < 0.02);
}

// For one token: the term of the loss; the part of the gradient that needs no sum over tokens (weight * (q - p)); and g
// of the rest, up to a constant: log(q / m) is -softplus(z) - log w, w q / m is 1 - sigmoid(z), z the log of the two
// parts' ratio in m.
fn term(logP: f32, logQ: f32) -> vec3f {
  let w = shape.weight;
  let p = expExact(logP);
  let q = expExact(logQ);
  switch (KIND) {
    case FORWARD_KL: { return vec3f(klTerm(p, logP, q, logQ), q - p, 0.0); }
    case REVERSE_KL: { return vec3f(klTerm(q, logQ, p, logP), 0.0, logQ - logP); }
    case SYMMETRIC_KL: {                      // (1 - w) KL(p, q) + w KL(q, p)
      return vec3f((1.0 - w) * klTerm(p, logP, q, logQ) + w * klTerm(q, logQ, p, logP), (1.0 - w) * (q - p), w * (logQ - logP));
    }
    case JENSEN_SHANNON: {                    // w KL(q, m) + (1 - w) KL(p, m), m = (1 - w) p + w q
      let partP = logWeight(1.0 - w) + logP;
      let partQ = logWeight(w) + logQ;
      let logM = logAddExp(partP, partQ);
      let m = expExact(logM);
      return vec3f(w * klTerm(q, logQ, m, logM) + (1.0 - w) * klTerm(p, logP, m, logM), 0.0, -w * softplus(partP - partQ));
    }
    case TOTAL_VARIATION: { return vec3f(0.5 * abs(p - q), 0.0, 0.5 * sign(logQ - logP)); }
    case SKEW_KL: {                           // KL(p, m), m = w p + (1 - w) q
      let logM = logAddExp(logWeight(w) + logP, logWeight(1.0 - w) + logQ);
      return vec3f(klTerm(p, logP, expExact(logM), logM), 0.0, (w - 1.0) * expExact(logP - logM));
    }
    case SKEW_REVERSE_KL, default: {          // KL(q, m), m = (1 - w) p + w q
      let partP = logWeight(1.0 - w) + logP;
      let partQ = logWeight(w) + logQ;
      let logM = logAddExp(partP, partQ);
      return vec3f(klTerm(q, logQ, expExact(logM), logM), 0.0, skewSlope(partP - partQ));
    }
  }
}

fn logP(i: u32, top: f32, logSum: f32) -> f32 { return (teacher[i] - top) / shape.temperature - logSum; }
fn logQ(i: u32, top: f32, logSum: f32) -> f32 { return (student[i] - top) / shape.temperature - logSum; }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  if (labels[row] == -100) {
    for (var j = lane; j < shape.vocab; j += THREADS) { student[first + j] = 0.0; }
    if (lane == 0u) { loss[row] = 0.0; }
    return;
  }
  var highestT = LOWEST;
  var highestS = LOWEST;
  var at = 0u;
  for (var j = lane; j < shape.vocab; j += THREADS) {
    highestT = max(highestT, teacher[first + j]);
    let s = student[first + j];
    if (s > highestS) {
      highestS = s;
      at = j;
    }
  }
  let topT = largest(highestT, lane);
  let topS = largest(highestS, lane);
  // The first token with the student's maximum: f32 holds indices up to 2^24.
  let likeliest = u32(-largest(select(LOWEST, -f32(at), highestS == topS), lane));
  var sumT = 0.0;
  var sumS = 0.0;
  for (var begin = lane; begin < shape.vocab; begin += ROW_BLOCK * THREADS) {
    var part = vec2f();
    for (var j = begin; j < min(begin + ROW_BLOCK * THREADS, shape.vocab); j += THREADS) {
      part.x += expExact((teacher[first + j] - topT) / shape.temperature);
      part.y += expExact((student[first + j] - topS) / shape.temperature);
    }
    sumT += part.x;
    sumS += part.y;
  }
  let sums = totals(vec3f(sumT, sumS, 0.0), lane);
  let logT = logExact(sums.x);
  let logS = logExact(sums.y);
  let r = first + likeliest;
  let logPTop = logP(r, topT, logT);
  let logQTop = logQ(r, topS, logS);
  let own = term(logPTop, logQTop);
  let gTop = own.z;
  let bothThere = expExact(logPTop) + expExact(logQTop) > 1.0;
  var all = vec3f();                          // loss, the direct part of the gradient, sum q (g - gTop)
  for (var begin = lane; begin < shape.vocab; begin += ROW_BLOCK * THREADS) {
    var part = vec3f();
    for (var j = begin; j < min(begin + ROW_BLOCK * THREADS, shape.vocab); j += THREADS) {
      let log = logQ(first + j, topS, logS);
      let t = term(logP(first + j, topT, logT), log);
      part += vec3f(t.x, select(vec2f(t.y, expExact(log) * (t.z - gTop)), vec2f(), j == likeliest));
    }
    all += part;
  }
  all = totals(all, lane);
  if (lane == 0u) { loss[row] = all.x; }
  let scale = shape.gradScale / shape.temperature;
  storageBarrier();                           // everyone has read the likeliest word before it becomes a gradient
  for (var j = lane; j < shape.vocab; j += THREADS) {
    let log = logQ(first + j, topS, logS);
    let t = term(logP(first + j, topT, logT), log);
    let root = expExact(0.5 * log);           // q itself may underflow where q (g - sum) does not
    // WGSL lets compilers take gTop + all.z first (Mesa does, it moves that out of the loop), which would round away
    // all.z where it is small: `max` keeps them from it.
    let g = max(t.z - gTop, LOWEST);
    let other = t.y + root * (root * (g - all.z));
    let atTop = select(own.y, -all.y, bothThere) - expExact(log) * all.z;
    student[first + j] = scale * select(other, atTop, j == likeliest);
  }
}
