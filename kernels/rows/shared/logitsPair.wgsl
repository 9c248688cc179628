// Rows of a teacher and of a student, as softmaxes, and what every kernel has in common that compares the two. Put before
// a kernel that has `teacher`, `student` (read, then the gradient) and in its `shape` `vocab`, `temperature` and
// `teacherTemperature`; follows math.wgsl and reduce.wgsl.

// Below it a series is more accurate than what cancels.
const NEAR: f32 = 0.25;

// (e^x - 1) / x for abs(x) at most NEAR
fn expSlopeNear(x: vec4f) -> vec4f {
  return 1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.0083333338 + x * (0.0013888889 + x * 1.9841270e-4)))));
}
// e^d - 1 for abs(d) < NEAR, relatively accurate
fn expm1Near(d: vec4f) -> vec4f { return d * expSlopeNear(d); }
// artanh(s) / s, q = s * s at most 0.021: the terms left out are below 1e-9
fn artanhSlope(q: vec4f) -> vec4f {
  return 1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * 0.11111111)));
}
// log(1 + u) for u in [-0.25, 0.3], relatively accurate
fn log1pNear(u: vec4f) -> vec4f {
  let s = u / (2.0 + u);
  return 2.0 * s * artanhSlope(s * s);
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
// Gradients of the tokens, in place of the student's logits.
fn putStudent(tokens: Tokens, gradient: vec4f) {
  let i = tokens.element;
  if (tokens.inside.x) { student[i.x] = gradient.x; }
  if (tokens.inside.y) { student[i.y] = gradient.y; }
  if (tokens.inside.z) { student[i.z] = gradient.z; }
  if (tokens.inside.w) { student[i.w] = gradient.w; }
}
// A whole row without a gradient, and one whose gradient is NaN.
fn clearStudent(first: u32, lane: u32) {
  for (var j = lane; j < shape.vocab; j += THREADS) { student[first + j] = 0.0; }
}
fn spoilStudent(first: u32, lane: u32) {
  for (var j = lane; j < shape.vocab; j += THREADS) { student[first + j] = notANumber(j); }
}
fn largestOf(x: vec4f) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }
fn sumOf(x: vec4f) -> f32 { return (x.x + x.y) + (x.z + x.w); }

// Both rows of a workgroup. Of two numbers the first is the teacher's.
struct Pair {
  spoilt: bool,                               // NaN or +infinity among the logits: the rest says nothing then
  most: vec2f,                                // largest logits
  logSum: vec2f,                              // logarithms of the sums of e^((z - most) * inverse)
  inverse: vec2f,                             // of the temperatures
  stretch: f32,                               // temperature / teacherTemperature, 1 where they are equal
  shift: f32,                                 // log(sum of the student / sum of the teacher)
  likeliest: u32,                             // the first token with the student's largest logit
}
fn logTeacher(logits: vec4f, pair: Pair) -> vec4f {
  return (max(logits, vec4f(LEAST_LOGIT)) - pair.most.x) * pair.inverse.x - pair.logSum.x;
}
fn logStudent(logits: vec4f, pair: Pair) -> vec4f {
  return (max(logits, vec4f(LEAST_LOGIT)) - pair.most.y) * pair.inverse.y - pair.logSum.y;
}
// log p - log q from the logits.
fn logRatio(t: vec4f, s: vec4f, pair: Pair) -> vec4f {
  let least = vec4f(LEAST_LOGIT);
  return ((max(t, least) - pair.most.x) * pair.stretch - (max(s, least) - pair.most.y)) * pair.inverse.y + pair.shift;
}

// Of the rows that begin at `first`. A thread goes through its tokens once, with the largest so far.
fn pairOf(first: u32, lane: u32) -> Pair {
  let same = shape.temperature == shape.teacherTemperature;
  let ofStudent = 1.0 / shape.temperature;
  let inverse = vec2f(select(1.0 / shape.teacherTemperature, ofStudent, same), ofStudent);
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
        let fewer = expExact((topT - largestOf(t)) * inverse.x);
        topT = largestOf(t);
        sumT *= fewer;
        partT *= fewer;
      }
      if (largestOf(s) > topS) {
        let fewer = expExact((topS - largestOf(s)) * inverse.y);
        topS = largestOf(s);
        sumS *= fewer;
        partS *= fewer;
        let j = tokens.at;
        at = select(select(select(j.w, j.z, s.z == topS), j.y, s.y == topS), j.x, s.x == topS);
      }
      partT += exp4((t - topT) * inverse.x);
      partS += exp4((s - topS) * inverse.y);
    }
    sumT += sumOf(partT);
    sumS += sumOf(partS);
  }
  let isSpoilt = largestKey(select(0u, 1u, any(spoilt)), lane) > 0u;
  let mostT = largest(topT, lane);
  let mostS = largest(topS, lane);
  // The first token with the student's maximum: f32 holds indices up to 2^24.
  let likeliest = u32(-largest(select(LOWEST, -f32(at), topS == mostS), lane));
  let ownT = sumT * expExact((topT - mostT) * inverse.x);
  let ownS = sumS * expExact((topS - mostS) * inverse.y);
  let sums = totals(vec3f(ownT, ownS, 0.0), lane);
  return Pair(
    isSpoilt, vec2f(mostT, mostS), vec2f(logExact(sums.x), logExact(sums.y)), inverse,
    select(shape.temperature / shape.teacherTemperature, 1.0, same), logExact(sums.y / sums.x), likeliest,
  );
}
