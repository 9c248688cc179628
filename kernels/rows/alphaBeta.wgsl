// The alpha-beta divergence D(A, B) between two of teacher p, student q and their mixture r, and its gradient:
//   teacher [rows, vocab], labels [rows], student [rows, vocab] (read, then the gradient) -> loss [rows], crossEntropy [rows]
//   c = a + b;  D = (sum gA + gB) / c,  gA = (A^c - A^a B^b) / b,  gB = (B^c - A^a B^b) / a
//   r = (weight p^s + (1 - weight) q^s)^(1 / s), normalised, s = power;  label -100: 0, 0
// gA and gB are the derivatives by log A and log B. d, the derivative by log q, has with the mixture w (h - r sum h), where h
// is that by log r and w = dlog r / dlog q of a token alone; student = gradScale / temperature * (d - q sum d).
// A row whose loss is above `clamp`, unless that is 0, has `clamp` and no gradient.
//
// With d = log A - log B, D = |d|, F(k) = (1 - e^(-k D)) / k, D at k = 0, and the larger of A^c and B^c as M:
//   d > 0: gA = M F(b), gB = -M e^(-b D) F(a);  d < 0: gB = M F(a), gA = -M e^(-a D) F(b).
// So no power overflows, and a or b of 0 is no case apart: F has a series near 0. Where c D is small gA and gB
// nearly cancel: there their sum is B^c times a series in d, whose coefficients have no singularity either.
//
// One workgroup a row, four passes: log-sum-exps; the mixture's; loss and sums of derivatives; gradient. In pairs without a
// mixture there is no second. The mixture's logarithm is kept over the larger of p and q, so that large logits lose nothing.
// At the student's likeliest token, which may have nearly all probability, d - q sum d is taken as d times the probability
// of all others, less q times the sum of their d.
// A row with NaN or +infinity has NaN as its loss and gradient; -infinity is no probability.
// Follows divergenceKinds.wgsl, math.wgsl, reduce.wgsl and logitsPair.wgsl. Same contract as
// assembly/compute/rows/alphaBeta.ts, which says how the two differ.
struct Shape {
  rows: u32, vocab: u32, weight: f32, power: f32, alpha: f32, beta: f32, temperature: f32, gradScale: f32,
  teacherTemperature: f32, clamp: f32,
}
@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> teacher: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read_write> student: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> crossEntropy: array<f32>;

override PAIR: u32 = 0u;                      // one of alphaBetaPairs in divergenceKinds.wgsl

// Beyond every distance that changes a probability, and finite in every product here.
const FAR: f32 = 1.0e30;
fn bounded(x: vec4f) -> vec4f { return clamp(x, vec4f(-FAR), vec4f(FAR)); }

fn hasMixture() -> bool { return PAIR != TEACHER_STUDENT; }
fn isChained() -> bool { return PAIR != TEACHER_STUDENT && PAIR != TARGET_STUDENT; }

// What is the same for all tokens of all rows.
struct Divergence {
  logWeight: f32,                             // log weight, log(1 - weight): so low for 0 that nothing comes of it
  logRest: f32,
  inversePower: f32,                          // 0 where the power is, and the same of alpha and beta
  inverses: vec2f,
  low: vec3f,                                 // coefficients of the series, of d^2 to d^7
  high: vec3f,
}
fn logOfShare(w: f32) -> f32 { return select(-87.0, logExact(max(w, 1.0e-37)), w > 1.0e-37); }
fn inverseOf(x: f32) -> f32 { return select(1.0 / select(x, 1.0, x == 0.0), 0.0, x == 0.0); }
fn divergenceOf() -> Divergence {
  let a = shape.alpha;
  let c = shape.alpha + shape.beta;
  let a2 = a * a;
  let a3 = a2 * a;
  let a4 = a2 * a2;
  // The coefficient of d^n is (sum over k of c^k a^(n - 2 - k)) / n!.
  let h1 = c + a;
  let h2 = h1 * c + a2;
  let h3 = h2 * c + a3;
  let h4 = h3 * c + a4;
  let h5 = h4 * c + a4 * a;
  let inverses = vec2f(inverseOf(shape.alpha), inverseOf(shape.beta));
  return Divergence(
    logOfShare(shape.weight), logOfShare(1.0 - shape.weight), inverseOf(shape.power), inverses,
    vec3f(0.5, h1 * 0.16666667, h2 * 0.041666668), vec3f(h3 * 0.0083333338, h4 * 0.0013888889, h5 * 1.9841270e-4),
  );
}

// (1 - e^(-k d)) / k for d >= 0; e is e^(-k d), inverse 1 / k. Far from 0 it has the same bits for all d.
fn rise(d: vec4f, k: f32, e: vec4f, inverse: f32) -> vec4f {
  let x = k * d;
  return select((1.0 - e) * inverse, d * expSlopeNear(-min(x, vec4f(NEAR))), x < vec4f(NEAR));
}
// log(1 + u) / u for u in [-0.25, 0.3]
fn logSlopeNear(u: vec4f) -> vec4f {
  let over = 2.0 + u;
  let s = u / over;
  return (2.0 / over) * artanhSlope(s * s);
}
fn softplus(x: vec4f) -> vec4f { return max(x, vec4f()) + log1pUnit4(exp4(-abs(x))); }

// log of (weight p^s + (1 - weight) q^s)^(1 / s) over the larger of p and q; d = log p - log q.
fn mixtureOverLarger(d: vec4f, form: Divergence) -> vec4f {
  let y = d * shape.power;
  let isOver = d > vec4f();
  let x = clamp(y, vec4f(-NEAR), vec4f(NEAR));
  let rise = shape.weight * expSlopeNear(x);
  let overStudent = d * (rise * logSlopeNear(rise * x));
  let near = select(overStudent, overStudent - d, isOver);
  let z = y + (form.logWeight - form.logRest);
  let away = select(vec4f(form.logRest), vec4f(form.logWeight), isOver) + softplus(select(z, -z, isOver));
  return select(bounded(away * form.inversePower), near, abs(y) < vec4f(NEAR));
}

// A token as the passes see it: log p, log q and log p - log q.
struct Logs { p: vec4f, q: vec4f, ratio: vec4f }
fn logsAt(tokens: Tokens, pair: Pair) -> Logs {
  let t = teacherAt(tokens.element);
  let s = studentAt(tokens.element);
  return Logs(bounded(logTeacher(t, pair)), bounded(logStudent(s, pair)), bounded(logRatio(t, s, pair)));
}

// Of four tokens: the term of the loss; the derivative by log q, less `mixed` times the sum of the derivatives by log r;
// the derivative by log r; and the term of the cross-entropy.
struct Terms { loss: vec4f, d: vec4f, mixed: vec4f, h: vec4f, cross: vec4f }
fn termsOf(logs: Logs, form: Divergence, logMixture: f32) -> Terms {
  var a = logs.p;
  var b = logs.q;
  var d = logs.ratio;
  var logR = logs.q;
  if (hasMixture()) {
    let m = mixtureOverLarger(logs.ratio, form) - logMixture;
    logR = max(logs.p, logs.q) + m;
    let overR = select(-logs.ratio, logs.ratio, PAIR == TEACHER_MIXTURE || PAIR == MIXTURE_TEACHER);
    d = min(overR, vec4f()) - m;              // log p - log r, or log q - log r
    if (PAIR == STUDENT_MIXTURE) { a = logs.q; }
    if (PAIR == TEACHER_MIXTURE || PAIR == STUDENT_MIXTURE) { b = logR; }
    else {
      a = logR;
      if (PAIR == MIXTURE_TEACHER) { b = logs.p; }
      d = -d;
    }
  }
  let c = shape.alpha + shape.beta;
  let far = min(abs(d), vec4f(FAR));
  let isOver = d > vec4f();
  let ofAlpha = exp4(-shape.alpha * far);
  let ofBeta = exp4(-shape.beta * far);
  let most = exp4(c * max(a, b));
  let both = -most * select(ofAlpha, ofBeta, isOver);
  let byFirst = select(both, most, isOver) * rise(far, shape.beta, ofBeta, form.inverses.y);
  let bySecond = select(most, both, isOver) * rise(far, shape.alpha, ofAlpha, form.inverses.x);
  let isNear = c * far < vec4f(NEAR);
  let x = select(vec4f(), d, isNear);
  let series = form.low.x + x * (form.low.y + x * (form.low.z + x * (form.high.x + x * (form.high.y + x * form.high.z))));
  let power = most * select(vec4f(1.0), ofAlpha * ofBeta, isOver);
  let term = select((byFirst + bySecond) / c, power * (x * x * series), isNear);
  if (!isChained()) {
    var cross = vec4f();
    if (PAIR == TARGET_STUDENT) { cross = exp4(logR) * -logs.q; }
    return Terms(term, bySecond, vec4f(), vec4f(), cross);
  }
  var h = bySecond;
  var own = vec4f();
  if (PAIR == MIXTURE_TEACHER || PAIR == MIXTURE_STUDENT) { h = byFirst; }
  if (PAIR == STUDENT_MIXTURE) { own = byFirst; }
  if (PAIR == MIXTURE_STUDENT) { own = bySecond; }
  let share = 1.0 / (1.0 + exp4(logs.ratio * shape.power + (form.logWeight - form.logRest)));
  return Terms(term, own + share * h, share * exp4(logR), h, vec4f());
}

// Logarithm of the sum of the mixture over the row.
fn mixtureOf(first: u32, lane: u32, pair: Pair, form: Divergence) -> f32 {
  var most = LOWEST;                          // of this thread so far, as is the sum that is taken from it
  var sum = 0.0;
  for (var block = lane; block < shape.vocab; block += ROW_BLOCK * THREADS) {
    var part = vec4f();
    for (var begin = block; begin < min(block + ROW_BLOCK * THREADS, shape.vocab); begin += ACROSS * THREADS) {
      let tokens = tokensFrom(begin, first);
      let logs = logsAt(tokens, pair);
      let log = select(vec4f(LOWEST), max(logs.p, logs.q) + mixtureOverLarger(logs.ratio, form), tokens.inside);
      if (largestOf(log) > most) {
        let fewer = expExact(most - largestOf(log));
        most = largestOf(log);
        sum *= fewer;
        part *= fewer;
      }
      part += exp4(log - most);
    }
    sum += sumOf(part);
  }
  let largestLog = largest(most, lane);
  return largestLog + logExact(total(sum * expExact(most - largestLog), lane));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;     // y continues x: one side of a grid ends at 65535
  if (row >= shape.rows) { return; }          // the same for the whole workgroup, so barriers stay legal
  let first = row * shape.vocab;
  if (labels[row] == -100) {
    clearStudent(first, lane);
    if (lane == 0u) {
      loss[row] = 0.0;
      crossEntropy[row] = 0.0;
    }
    return;
  }
  let pair = pairOf(first, lane);
  if (pair.spoilt) {
    spoilStudent(first, lane);
    if (lane == 0u) {
      loss[row] = notANumber(row);
      crossEntropy[row] = notANumber(row + 1u);
    }
    return;
  }
  let form = divergenceOf();
  var logMixture = 0.0;
  if (hasMixture()) { logMixture = mixtureOf(first, lane, pair, form); }
  let likeliest = pair.likeliest;
  // Of all tokens: loss, h, cross-entropy. Of those beside the likeliest: d, mixed, q.
  var all = vec3f();
  var others = vec3f();
  for (var block = lane; block < shape.vocab; block += ROW_BLOCK * THREADS) {
    var losses = vec4f();
    var chains = vec4f();
    var crosses = vec4f();
    var derivatives = vec4f();
    var mixed = vec4f();
    var shares = vec4f();
    for (var begin = block; begin < min(block + ROW_BLOCK * THREADS, shape.vocab); begin += ACROSS * THREADS) {
      let tokens = tokensFrom(begin, first);
      let logs = logsAt(tokens, pair);
      let t = termsOf(logs, form, logMixture);
      let other = tokens.inside & (tokens.at != vec4u(likeliest));
      losses += select(vec4f(), t.loss, tokens.inside);
      chains += select(vec4f(), t.h, tokens.inside);
      crosses += select(vec4f(), t.cross, tokens.inside);
      derivatives += select(vec4f(), t.d, other);
      mixed += select(vec4f(), t.mixed, other);
      shares += select(vec4f(), exp4(logs.q), other);
    }
    all += vec3f(sumOf(losses), sumOf(chains), sumOf(crosses));
    others += vec3f(sumOf(derivatives), sumOf(mixed), sumOf(shares));
  }
  all = totals(all, lane);
  others = totals(others, lane);
  if (lane == 0u) { crossEntropy[row] = all.z; }
  if (shape.clamp > 0.0 && all.x > shape.clamp) {
    clearStudent(first, lane);
    if (lane == 0u) { loss[row] = shape.clamp; }
    return;
  }
  if (lane == 0u) { loss[row] = all.x; }
  let atTop = logsAt(tokensFrom(likeliest, first), pair);
  let ofTop = termsOf(atTop, form, logMixture);
  let dTop = ofTop.d.x - ofTop.mixed.x * all.y;
  let dOthers = others.x - others.y * all.y;
  let scale = shape.gradScale * pair.inverse.y;
  storageBarrier();                           // everyone has read the likeliest word before it becomes a gradient
  for (var begin = lane; begin < shape.vocab; begin += ACROSS * THREADS) {
    let tokens = tokensFrom(begin, first);
    let logs = logsAt(tokens, pair);
    let t = termsOf(logs, form, logMixture);
    let q = exp4(logs.q);
    let other = (t.d - t.mixed * all.y) - q * (dTop + dOthers);
    let top = dTop * others.z - q * dOthers;
    putStudent(tokens, scale * select(other, top, tokens.at == vec4u(likeliest)));
  }
}
