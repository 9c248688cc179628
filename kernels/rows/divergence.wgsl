// A divergence between p = softmax(teacher / teacherTemperature) and q = softmax(student / temperature), and its gradient:
//   teacher [rows, vocab], labels [rows], student [rows, vocab] (read, then the gradient) -> loss [rows], nats
//   loss[r] = D(p, q), complete (0 at equality);  student = gradScale / temperature * q (g - sum q g);  label -100: 0, 0
// A row whose loss is above `clamp`, unless that is 0, has `clamp` and no gradient.
// One workgroup a row, three passes: log-sum-exps, with the maximum so far; loss and sums of the gradient; gradient.
// A thread has four tokens in flight, THREADS apart, so that neighbours read neighbours and memory has time to answer.
// All in log-probabilities, taken from the maximum so that large logits lose nothing; the mixture's logarithm by
// log-sum-exp, so that no underflow becomes a NaN. log p - log q comes from the logits: in flat rows of a large
// vocabulary both logarithms are rounded to 1e-6, and the gradient is made of differences that are not much larger. When
// the student's likeliest token r has nearly all probability, g_r - sum q g would be rounding noise. So g_r is subtracted
// from all g. What needs no g, weight * (q - p), cancels at r when both models have nearly all probability there: then it
// follows from the other tokens, since it sums to 0. When neither has, it is taken directly, for the sum has the errors of
// all tokens.
// A row with NaN or +infinity has NaN as its loss and gradient; -infinity is no probability.
// Follows divergenceKinds.wgsl, math.wgsl, reduce.wgsl and logitsPair.wgsl. Same contract as
// assembly/compute/rows/divergence.ts, which says how the two differ.
struct Shape { rows: u32, vocab: u32, weight: f32, temperature: f32, gradScale: f32, teacherTemperature: f32, clamp: f32 }
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> teacher: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read_write> student: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

override KIND: u32 = 0u;                      // one of divergenceKinds.wgsl

// log of a weight that may be 0: so low that its share of a mixture is 0, yet finite in every sum
fn logWeight(w: f32) -> f32 { return select(-1.0e30, logExact(max(w, 1.0e-37)), w > 0.0); }

// One term of KL(a, b) as a d - a + b, d = log a - log b. The last two sum to 0 over the vocabulary; with them each term
// is at least 0, and an error in the normalisation of a or b matters only in second order.
fn klTerm(a: vec4f, b: vec4f, d: vec4f) -> vec4f {
  // e^-d - 1 + d for small d, where a (d - 1) + b would cancel
  let small = d * d * (0.5 - d * (0.16666667 - d * (0.041666668 - d * (0.0083333338 - d * (0.0013888889 - d * 1.9841270e-4)))));
  return select(a * (d - 1.0) + b, a * small, abs(d) < vec4f(NEAR));
}

// The mixture m = first + second of two parts, weights included, z = log(first / second).
struct Mixture {
  overFirst: vec4f,                           // log(m / first) = log(1 + e^-z)
  overSecond: vec4f,                          // log(m / second) = log(1 + e^z)
  slope: vec4f,                               // e^z / (1 + e^z) - log(1 + e^z)
}
fn mixtureOf(z: vec4f) -> Mixture {
  let x = exp4(-abs(z));
  let more = log1pUnit4(x);
  let overSecond = max(z, vec4f()) + more;
  let sigmoid = select(vec4f(1.0), x, z < vec4f()) / (1.0 + x);
  // For small e^z the two nearly cancel.
  let series = x * x * (-0.5 + x * (0.66666667 - x * (0.75 - 0.8 * x)));
  let nearlyCancel = (z < vec4f()) & (x < vec4f(0.02));
  return Mixture(max(-z, vec4f()) + more, overSecond, select(sigmoid - overSecond, series, nearlyCancel));
}

// g is defined up to a constant, the same for all tokens of a row, and needed where it differs little from the g of the
// likeliest token. With p << q there, `far` nears a limit that must not be added to; with p and q alike, `near`, which is
// far + shift, is 0 at p = q and accurate around it.
fn gFrom(d: vec4f, far: vec4f, near: vec4f, shift: f32, alike: bool) -> vec4f {
  return select(far + select(0.0, shift, alike), near - select(shift, 0.0, alike), abs(d) < vec4f(NEAR));
}

// For four tokens: the term of the loss; the part of the gradient that needs no sum over tokens (weight * (q - p)); and g
// of the rest, up to a constant. d = log p - log q; `alike`: abs(d) < NEAR at the likeliest token.
struct Terms { loss: vec4f, direct: vec4f, g: vec4f }
fn terms(logP: vec4f, d: vec4f, q: vec4f, alike: bool) -> Terms {
  let w = shape.weight;
  let v = 1.0 - w;
  let p = exp4(logP);
  let y = expm1Near(clamp(d, vec4f(-NEAR), vec4f(NEAR)));
  switch (KIND) {
    case FORWARD_KL: { return Terms(klTerm(p, q, d), difference(p, q, d, y), vec4f()); }
    case REVERSE_KL: { return Terms(klTerm(q, p, -d), vec4f(), -d); }
    case SYMMETRIC_KL: {                      // (1 - w) KL(p, q) + w KL(q, p)
      return Terms(v * klTerm(p, q, d) + w * klTerm(q, p, -d), v * difference(p, q, d, y), -w * d);
    }
    case JENSEN_SHANNON: {                    // w KL(q, m) + (1 - w) KL(p, m), m = (1 - w) p + w q; log(q / m) is g / w
      let m = v * p + w * q;
      let mixture = mixtureOf(logWeight(v) - logWeight(w) + d);
      let ofQ = klTerm(q, m, -logWeight(w) - mixture.overSecond);
      let ofP = klTerm(p, m, -logWeight(v) - mixture.overFirst);
      let g = gFrom(d, -w * mixture.overSecond, -w * log1pNear(v * y), -w * logWeight(w), alike);
      return Terms(w * ofQ + v * ofP, vec4f(), g);
    }
    case TOTAL_VARIATION: { return Terms(0.5 * abs(p - q), vec4f(), -0.5 * sign(d)); }
    case SKEW_KL: {                           // KL(p, m), m = w p + (1 - w) q: g = -(1 - w) p / m
      let m = w * p + v * q;
      let mixture = mixtureOf(logWeight(w) - logWeight(v) + d);
      let loss = klTerm(p, m, -logWeight(w) - mixture.overFirst);
      return Terms(loss, vec4f(), gFrom(d, -v * (p / max(m, vec4f(1.0e-37))), -v * v * y / (1.0 + w * y), v, alike));
    }
    case SKEW_REVERSE_KL, default: {          // KL(q, m), m = (1 - w) p + w q: g = log(q / m) - w q / m
      let m = v * p + w * q;
      let mixture = mixtureOf(logWeight(v) - logWeight(w) + d);
      let u = v * y;                          // m / q - 1
      let near = w * u / (1.0 + u) - log1pNear(u);
      let loss = klTerm(q, m, -logWeight(w) - mixture.overSecond);
      return Terms(loss, vec4f(), gFrom(d, mixture.slope, near, -v - logWeight(w), alike));
    }
  }
}

// q - p; y = p / q - 1 where the two are near
fn difference(p: vec4f, q: vec4f, d: vec4f, y: vec4f) -> vec4f {
  return select(q - p, -q * y, abs(d) < vec4f(NEAR));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  if (labels[row] == -100) {
    clearStudent(first, lane);
    if (lane == 0u) { loss[row] = 0.0; }
    return;
  }
  let pair = pairOf(first, lane);
  if (pair.spoilt) {
    spoilStudent(first, lane);
    if (lane == 0u) { loss[row] = notANumber(row); }
    return;
  }
  let likeliest = pair.likeliest;
  let tTop = vec4f(teacher[first + likeliest]);
  let sTop = vec4f(student[first + likeliest]);
  let logPTop = logTeacher(tTop, pair).x;
  let logQTop = logStudent(sTop, pair).x;
  let dTop = logRatio(tTop, sTop, pair);
  let alike = abs(dTop.x) < NEAR;
  let own = terms(vec4f(logPTop), dTop, exp4(vec4f(logQTop)), alike);
  let gTop = own.g.x;
  let bothThere = expExact(logPTop) + expExact(logQTop) > 1.0;
  var all = vec3f();                          // loss, the direct part of the gradient, sum q (g - gTop)
  for (var block = lane; block < shape.vocab; block += ROW_BLOCK * THREADS) {
    var losses = vec4f();
    var direct = vec4f();
    var rest = vec4f();
    for (var begin = block; begin < min(block + ROW_BLOCK * THREADS, shape.vocab); begin += ACROSS * THREADS) {
      let tokens = tokensFrom(begin, first);
      let foundT = teacherAt(tokens.element);
      let foundS = studentAt(tokens.element);
      let q = exp4(logStudent(foundS, pair));
      let d = logRatio(foundT, foundS, pair);
      let t = terms(logTeacher(foundT, pair), d, q, alike);
      let other = tokens.inside & (tokens.at != vec4u(likeliest));
      losses += select(vec4f(), t.loss, tokens.inside);
      direct += select(vec4f(), t.direct, other);
      rest += select(vec4f(), q * (t.g - gTop), other);
    }
    all += vec3f(sumOf(losses), sumOf(direct), sumOf(rest));
  }
  all = totals(all, lane);
  if (shape.clamp > 0.0 && all.x > shape.clamp) {
    clearStudent(first, lane);
    if (lane == 0u) { loss[row] = shape.clamp; }
    return;
  }
  if (lane == 0u) { loss[row] = all.x; }
  let scale = shape.gradScale * pair.inverse.y;
  // The direct part sums to 0. In nearly even rows what the sum has instead is the error of log p - log q, the same for all.
  let spare = select(own.direct.x + all.y, 0.0, bothThere);
  storageBarrier();                           // everyone has read the likeliest word before it becomes a gradient
  for (var begin = lane; begin < shape.vocab; begin += ACROSS * THREADS) {
    let tokens = tokensFrom(begin, first);
    let foundT = teacherAt(tokens.element);
    let foundS = studentAt(tokens.element);
    let q = exp4(logStudent(foundS, pair));
    let d = logRatio(foundT, foundS, pair);
    let t = terms(logTeacher(foundT, pair), d, q, alike);
    // WGSL lets compilers take gTop + all.z first (Mesa does, it moves that out of the loop), which would round away
    // all.z where it is small: `max` keeps them from it.
    let g = max(t.g - gTop, vec4f(LOWEST));
    let other = t.direct + q * (g - all.z - spare);
    let atTop = select(own.direct, vec4f(-all.y), bothThere) - q * (all.z + spare);
    putStudent(tokens, scale * select(other, atTop, tokens.at == vec4u(likeliest)));
  }
}
