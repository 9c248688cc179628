// A divergence between p = softmax(teacher / temperature) and q = softmax(student / temperature), and its gradient:
//   teacher [rows, vocab], labels [rows], student [rows, vocab] (read, then the gradient) -> loss [rows], nats
//   loss[r] = D(p, q), complete (0 at equality);  student = gradScale / temperature * q (g - sum q g);  label -100: 0, 0
// One workgroup a row, three passes: log-sum-exps, with the maximum so far; loss and sums of the gradient; gradient.
// A thread has four tokens in flight, THREADS apart, so that neighbours read neighbours and memory has time to answer.
// All in log-probabilities, taken from the maximum so that large logits lose nothing; the mixture's logarithm by
// log-sum-exp, so that no underflow becomes a NaN. When the student's likeliest token r has nearly all probability,
// g_r - sum q g would be rounding noise. So g_r is subtracted from all g. What needs no g, weight * (q - p), cancels at
// r when both models have nearly all probability there: then it follows from the other tokens, since it sums to 0. When
// neither has, it is taken directly, for the sum has the errors of all tokens.
// A row with NaN or +infinity has NaN as its loss and gradient; -infinity is no probability.
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

// One term of KL(a, b) as a (log a - log b) - a + b. The last two sum to 0 over the vocabulary; with them each term is
// at least 0, and an error in the normalisation of a or b matters only in second order.
fn klTerm(a: vec4f, logA: vec4f, b: vec4f, logB: vec4f) -> vec4f {
  let d = logA - logB;
  // e^-d - 1 + d for small d, where a (d - 1) + b would cancel
  let small = d * d * (0.5 - d * (0.16666667 - d * (0.041666668 - d * (0.0083333338 - d * (0.0013888889 - d * 1.9841270e-4)))));
  return select(a * (d - 1.0) + b, a * small, abs(d) < vec4f(0.25));
}

// A mixture of two parts, weights included, from their logarithms.
struct Mixture {
  log: vec4f,
  softplus: vec4f,                            // log(1 + e^z), z the logarithm of first / second
  slope: vec4f,                               // e^z / (1 + e^z) - log(1 + e^z)
}
fn mixtureOf(logFirst: vec4f, logSecond: vec4f) -> Mixture {
  let z = logFirst - logSecond;
  let x = exp4(-abs(z));
  let more = log1pUnit4(x);
  let softplus = max(z, vec4f()) + more;
  let sigmoid = select(vec4f(1.0), x, z < vec4f()) / (1.0 + x);
  // For small e^z the two nearly cancel.
  let series = x * x * (-0.5 + x * (0.66666667 - x * (0.75 - 0.8 * x)));
  let nearlyCancel = (z < vec4f()) & (x < vec4f(0.02));
  return Mixture(max(logFirst, logSecond) + more, softplus, select(sigmoid - softplus, series, nearlyCancel));
}

// For four tokens: the term of the loss; the part of the gradient that needs no sum over tokens (weight * (q - p)); and g
// of the rest, up to a constant.
struct Terms { loss: vec4f, direct: vec4f, g: vec4f }
fn terms(logP: vec4f, logQ: vec4f, q: vec4f) -> Terms {
  let w = shape.weight;
  let p = exp4(logP);
  switch (KIND) {
    case FORWARD_KL: { return Terms(klTerm(p, logP, q, logQ), q - p, vec4f()); }
    case REVERSE_KL: { return Terms(klTerm(q, logQ, p, logP), vec4f(), logQ - logP); }
    case SYMMETRIC_KL: {                      // (1 - w) KL(p, q) + w KL(q, p)
      let loss = (1.0 - w) * klTerm(p, logP, q, logQ) + w * klTerm(q, logQ, p, logP);
      return Terms(loss, (1.0 - w) * (q - p), w * (logQ - logP));
    }
    case JENSEN_SHANNON: {                    // w KL(q, m) + (1 - w) KL(p, m), m = (1 - w) p + w q; log(q / m) is g / w
      let m = (1.0 - w) * p + w * q;
      let mixture = mixtureOf(logWeight(1.0 - w) + logP, logWeight(w) + logQ);
      let loss = w * klTerm(q, logQ, m, mixture.log) + (1.0 - w) * klTerm(p, logP, m, mixture.log);
      return Terms(loss, vec4f(), -w * mixture.softplus);
    }
    case TOTAL_VARIATION: { return Terms(0.5 * abs(p - q), vec4f(), 0.5 * sign(logQ - logP)); }
    case SKEW_KL: {                           // KL(p, m), m = w p + (1 - w) q
      let m = w * p + (1.0 - w) * q;
      let mixture = mixtureOf(logWeight(w) + logP, logWeight(1.0 - w) + logQ);
      return Terms(klTerm(p, logP, m, mixture.log), vec4f(), (w - 1.0) * (p / max(m, vec4f(1.0e-37))));
    }
    case SKEW_REVERSE_KL, default: {          // KL(q, m), m = (1 - w) p + w q: g = log(q / m) - w q / m
      let m = (1.0 - w) * p + w * q;
      let mixture = mixtureOf(logWeight(1.0 - w) + logP, logWeight(w) + logQ);
      return Terms(klTerm(q, logQ, m, mixture.log), vec4f(), mixture.slope);
    }
  }
}

// The tokens of one thread in one step, from `begin` on. Past the end they are the last token, which is not `inside`.
struct Tokens { at: vec4u, element: vec4u, inside: vec4<bool> }
fn tokensFrom(begin: u32, first: u32) -> Tokens {
  let at = begin + vec4u(0u, THREADS, 2u * THREADS, 3u * THREADS);
  return Tokens(at, first + min(at, vec4u(shape.vocab - 1u)), at < vec4u(shape.vocab));
}
const ACROSS: u32 = 4u;
fn teacherAt(i: vec4u) -> vec4f { return vec4f(teacher[i.x], teacher[i.y], teacher[i.z], teacher[i.w]); }
fn studentAt(i: vec4u) -> vec4f { return vec4f(student[i.x], student[i.y], student[i.z], student[i.w]); }
// Of a row, given the largest logit, the inverse of the temperature, and log sum exp.
fn logOf(logits: vec4f, most: f32, inverse: f32, logSum: f32) -> vec4f {
  return (max(logits, vec4f(LEAST_LOGIT)) - most) * inverse - logSum;
}
fn largestOf(x: vec4f) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }
fn sumOf(x: vec4f) -> f32 { return (x.x + x.y) + (x.z + x.w); }

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
  let inverse = 1.0 / shape.temperature;
  var topT = LOWEST;                          // of this thread so far, as are the sums that are taken from them
  var topS = LOWEST;
  var at = 0u;
  var spoilt = vec4<bool>();
  var sumT = 0.0;
  var sumS = 0.0;
  for (var block = lane; block < shape.vocab; block += ROW_BLOCK * THREADS) {
    var partT = vec4f();
    var partS = vec4f();
    for (var begin = block; begin < min(block + ROW_BLOCK * THREADS, shape.vocab); begin += ACROSS * THREADS) {
      let tokens = tokensFrom(begin, first);
      let foundT = teacherAt(tokens.element);
      let foundS = studentAt(tokens.element);
      spoilt |= spoils4(foundT) | spoils4(foundS);
      let t = select(vec4f(LOWEST), max(foundT, vec4f(LEAST_LOGIT)), tokens.inside);
      let s = select(vec4f(LOWEST), max(foundS, vec4f(LEAST_LOGIT)), tokens.inside);
      if (largestOf(t) > topT) {
        let fewer = expExact((topT - largestOf(t)) * inverse);
        topT = largestOf(t);
        sumT *= fewer;
        partT *= fewer;
      }
      if (largestOf(s) > topS) {
        let fewer = expExact((topS - largestOf(s)) * inverse);
        topS = largestOf(s);
        sumS *= fewer;
        partS *= fewer;
        let j = tokens.at;
        at = select(select(select(j.w, j.z, s.z == topS), j.y, s.y == topS), j.x, s.x == topS);
      }
      partT += exp4((t - topT) * inverse);
      partS += exp4((s - topS) * inverse);
    }
    sumT += sumOf(partT);
    sumS += sumOf(partS);
  }
  if (largestKey(select(0u, 1u, any(spoilt)), lane) > 0u) {
    for (var j = lane; j < shape.vocab; j += THREADS) { student[first + j] = notANumber(j); }
    if (lane == 0u) { loss[row] = notANumber(row); }
    return;
  }
  let mostT = largest(topT, lane);
  let mostS = largest(topS, lane);
  // The first token with the student's maximum: f32 holds indices up to 2^24.
  let likeliest = u32(-largest(select(LOWEST, -f32(at), topS == mostS), lane));
  let sums = totals(vec3f(sumT * expExact((topT - mostT) * inverse), sumS * expExact((topS - mostS) * inverse), 0.0), lane);
  let logT = logExact(sums.x);
  let logS = logExact(sums.y);
  let logPTop = logOf(vec4f(teacher[first + likeliest]), mostT, inverse, logT).x;
  let logQTop = logOf(vec4f(student[first + likeliest]), mostS, inverse, logS).x;
  let own = terms(vec4f(logPTop), vec4f(logQTop), exp4(vec4f(logQTop)));
  let gTop = own.g.x;
  let bothThere = expExact(logPTop) + expExact(logQTop) > 1.0;
  var all = vec3f();                          // loss, the direct part of the gradient, sum q (g - gTop)
  for (var block = lane; block < shape.vocab; block += ROW_BLOCK * THREADS) {
    var losses = vec4f();
    var direct = vec4f();
    var rest = vec4f();
    for (var begin = block; begin < min(block + ROW_BLOCK * THREADS, shape.vocab); begin += ACROSS * THREADS) {
      let tokens = tokensFrom(begin, first);
      let logP = logOf(teacherAt(tokens.element), mostT, inverse, logT);
      let logQ = logOf(studentAt(tokens.element), mostS, inverse, logS);
      let q = exp4(logQ);
      let t = terms(logP, logQ, q);
      let other = tokens.inside & (tokens.at != vec4u(likeliest));
      losses += select(vec4f(), t.loss, tokens.inside);
      direct += select(vec4f(), t.direct, other);
      rest += select(vec4f(), q * (t.g - gTop), other);
    }
    all += vec3f(sumOf(losses), sumOf(direct), sumOf(rest));
  }
  all = totals(all, lane);
  if (lane == 0u) { loss[row] = all.x; }
  let scale = shape.gradScale * inverse;
  storageBarrier();                           // everyone has read the likeliest word before it becomes a gradient
  for (var begin = lane; begin < shape.vocab; begin += ACROSS * THREADS) {
    let tokens = tokensFrom(begin, first);
    let logP = logOf(teacherAt(tokens.element), mostT, inverse, logT);
    let logQ = logOf(studentAt(tokens.element), mostS, inverse, logS);
    let q = exp4(logQ);
    let t = terms(logP, logQ, q);
    // WGSL lets compilers take gTop + all.z first (Mesa does, it moves that out of the loop), which would round away
    // all.z where it is small: `max` keeps them from it.
    let g = max(t.g - gTop, vec4f(LOWEST));
    let other = t.direct + q * (g - all.z);
    let atTop = select(own.direct, vec4f(-all.y), bothThere) - q * all.z;
    let gradient = scale * select(other, atTop, tokens.at == vec4u(likeliest));
    let i = tokens.element;
    if (tokens.inside.x) { student[i.x] = gradient.x; }
    if (tokens.inside.y) { student[i.y] = gradient.y; }
    if (tokens.inside.z) { student[i.z] = gradient.z; }
    if (tokens.inside.w) { student[i.w] = gradient.w; }
  }
}
