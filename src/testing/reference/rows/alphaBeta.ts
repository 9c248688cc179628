import { alphaBetaPairs } from '../../../backend/kernels/index.js';
import { type LogProbabilities, logSoftmax } from '../softmax.js';
import { expected, exponentialSize, type Reference, Sum } from '../types.js';
import { IGNORED } from './crossEntropy.js';

/** A number and the size of its error. */
interface Sized {
  readonly value: number;
  readonly size: number;
}

/** log of (w p^s + (1 - w) q^s)^(1 / s), normalised. */
function logMixture(p: LogProbabilities, q: LogProbabilities, weight: number, power: number): LogProbabilities {
  const log = new Float64Array(p.log.length);
  const slack = new Float64Array(log.length);
  for (let j = 0; j < log.length; j++) {
    const [x, y] = [p.log[j]!, q.log[j]!];
    const larger = Math.max(x, y);
    // Over the larger of both, so that 1 / power magnifies no rounding of it.
    const parts = [
      [weight, x - larger],
      [1 - weight, y - larger],
    ] as const;
    const highest = Math.max(...parts.map(([, d]) => power * d));
    const mean = parts.reduce((sum, [w, d]) => sum + w * Math.expm1(power * d - highest), 0);
    const over =
      power === 0
        ? parts.reduce((sum, [w, d]) => sum + (w === 0 ? 0 : w * d), 0)
        : (highest + Math.log1p(mean)) / power;
    log[j] = larger + over;
    slack[j] = 1 + Math.abs(log[j]!) + Math.abs(over) + p.slack[j]! + q.slack[j]!;
  }
  const top = log.reduce((a, b) => Math.max(a, b));
  const total = log.reduce((sum, l) => sum + Math.exp(l - top), 0);
  const whole = top + Math.log(total);
  const ofTotal = log.reduce((sum, l, j) => sum + Math.exp(l - whole) * slack[j]!, 0);
  return { log: log.map((l) => l - whole), slack: slack.map((each) => each + ofTotal + Math.abs(whole)) };
}

/** The derivatives by log A and by log B of a token, and its term of the loss: see the record of the kernel. */
function derivatives(first: Sized, second: Sized, a: number, b: number) {
  const c = a + b;
  const d = first.value - second.value;
  const [A, B] = [Math.exp(c * first.value), Math.exp(c * second.value)];
  const both = Math.exp(a * first.value + b * second.value);
  // (1 - e^-bx) / b, whose limit at b = 0 is x; taken on the side on which nothing overflows.
  const rise = (k: number, x: number) => (k === 0 ? x : -Math.expm1(-k * x) / k);
  const byFirst = d > 0 ? A * rise(b, d) : -both * rise(b, -d);
  const bySecond = d > 0 ? -both * rise(a, d) : B * rise(a, -d);
  const slack = first.size + second.size;
  const sizeOf = (value: number) => exponentialSize(Math.abs(value)) * (1 + c * slack) + exponentialSize(both) * slack;
  const near = Math.abs(c * d) < 1e-3;
  // d^2 (1 / 2 + ...): the sum of the two cancels.
  const term = near
    ? B * d * d * (1 / 2 + (d * (c + a)) / 6 + (d * d * (c * c + c * a + a * a)) / 24 + (d ** 3 * cubes(a, c)) / 120)
    : (byFirst + bySecond) / c;
  return {
    byFirst: { value: byFirst, size: sizeOf(byFirst) },
    bySecond: { value: bySecond, size: sizeOf(bySecond) },
    term: { value: term, size: (sizeOf(byFirst) + sizeOf(bySecond)) / c },
  };
}
const cubes = (a: number, c: number) => c ** 3 + c * c * a + c * a * a + a ** 3;

const sides = (() => {
  const table: Readonly<Record<keyof typeof alphaBetaPairs, readonly ['p' | 'q' | 'r', 'p' | 'q' | 'r', boolean]>> = {
    teacherStudent: ['p', 'q', false],
    teacherMixture: ['p', 'r', true],
    studentMixture: ['q', 'r', true],
    mixtureTeacher: ['r', 'p', true],
    mixtureStudent: ['r', 'q', true],
    // Without a gradient of the mixture.
    targetStudent: ['r', 'q', false],
  };
  const byNumber: (typeof table)['targetStudent'][] = [];
  for (const [name, pair] of Object.entries(alphaBetaPairs)) byNumber[pair] = table[name as keyof typeof table];
  return byNumber;
})();

export const alphaBeta: Reference<'alphaBeta'> = (
  { rows, vocab },
  { teacher, labels, student: z },
  { weight, power, alpha, beta, temperature, teacherTemperature, gradScale, clamp, pair },
) => {
  const student = expected(rows * vocab);
  const loss = expected(rows);
  const crossEntropy = expected(rows);
  const [nameA, nameB, isChained] = sides[pair]!;
  const factor = gradScale / temperature;
  for (let r = 0; r < rows; r++) {
    if (labels[r] === IGNORED) continue;
    const rowOf = (of: Float64Array) => of.subarray(r * vocab, (r + 1) * vocab);
    const p = logSoftmax(rowOf(teacher), teacherTemperature);
    const q = logSoftmax(rowOf(z), temperature);
    const logs = { p, q, r: pair === alphaBetaPairs.teacherStudent ? q : logMixture(p, q, weight, power) };
    const at = (of: LogProbabilities, j: number): Sized => ({ value: of.log[j]!, size: of.slack[j]! });
    const tokens = Array.from({ length: vocab }, (_, j) =>
      derivatives(at(logs[nameA], j), at(logs[nameB], j), alpha, beta),
    );
    const total = new Sum();
    for (const { term } of tokens) total.add(term.value, term.size);
    if (pair === alphaBetaPairs.targetStudent) {
      const cross = new Sum();
      logs.r.log.forEach((l, j) => {
        const value = -Math.exp(l) * q.log[j]!;
        cross.add(value, value * (1 + logs.r.slack[j]!) + Math.exp(l) * q.slack[j]!);
      });
      cross.put(crossEntropy, r);
    }
    if (clamp > 0 && total.value > clamp) {
      loss.value[r] = clamp;
      continue;
    }
    total.put(loss, r);
    const isFirst = nameA === 'r';
    const h = tokens.map(({ byFirst, bySecond }) => (isFirst ? byFirst : bySecond));
    const sumH = new Sum();
    if (isChained) for (const { value, size } of h) sumH.add(value, size);
    const d = tokens.map(({ byFirst, bySecond }, j): Sized => {
      const own = nameA === 'q' ? byFirst : nameB === 'q' ? bySecond : { value: 0, size: 0 };
      if (!isChained) return own;
      // dlog r / dlog q of a token alone
      const odds = Math.exp(Math.log(weight) - Math.log(1 - weight) + power * (p.log[j]! - q.log[j]!));
      const share = 1 / (1 + odds);
      const [ofR, slackR] = [Math.exp(logs.r.log[j]!), logs.r.slack[j]!];
      const centred = h[j]!.value - ofR * sumH.value;
      const size = h[j]!.size + exponentialSize(ofR) * (sumH.scale + Math.abs(sumH.value) * (1 + slackR));
      const ofShare = Math.abs(power) * (p.slack[j]! + q.slack[j]!) * (1 - share);
      return {
        value: own.value + share * centred,
        size: own.size + Math.max(share, 2 ** -125) * (size + Math.abs(centred) * (2 + ofShare)),
      };
    });
    const top = q.log.indexOf(q.log.reduce((a, b) => Math.max(a, b)));
    const others = new Sum();
    let shareOfOthers = 0;
    d.forEach(({ value, size }, j) => {
      if (j === top) return;
      others.add(value, size);
      shareOfOthers += Math.exp(q.log[j]!);
    });
    d.forEach(({ value, size }, j) => {
      const qj = Math.exp(q.log[j]!);
      const ofQ = exponentialSize(qj);
      const dTop = d[top]!;
      const all = dTop.value + others.value;
      student.value[r * vocab + j] =
        factor * (j === top ? dTop.value * shareOfOthers - qj * others.value : value - qj * all);
      const ownSize = j === top ? size * shareOfOthers + Math.abs(value) * shareOfOthers * (1 + q.slack[j]!) : size;
      const rest = j === top ? others.scale + Math.abs(others.value) : others.scale + dTop.size + Math.abs(all);
      student.scale[r * vocab + j] = Math.abs(factor) * (ownSize + ofQ * rest * (1 + q.slack[j]!));
    });
  }
  return { student, loss, crossEntropy };
};
