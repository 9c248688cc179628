/**
 * Divergences over vocabularies of real models, where a gradient that is summed over all other tokens would carry the
 * errors of all of them: every entry stays within 1e-5 of the row's largest, flat rows and peaked ones.
 */
import { describe, expect, it } from 'vitest';
import { type DivergenceForm, type DivergenceKind, divergenceKinds } from '../../src/backend/kernels/index.js';
import { measureDivergence } from '../../src/testing/divergences.js';
import { createRandom, seedOf } from '../../src/testing/random.js';
import { forEachBackend } from '../harness/backends.js';

/** g in dloss/dz_j = q_j (g_j - sum_i q_i g_i), in float64. */
const slopes: Readonly<Record<DivergenceKind, (p: number, q: number, w: number) => number>> = {
  forwardKL: (p, q) => -p / q,
  reverseKL: (p, q) => Math.log(q / p),
  symmetricKL: (p, q, w) => -((1 - w) * p) / q + w * Math.log(q / p),
  jensenShannon: (p, q, w) => w * Math.log(q / ((1 - w) * p + w * q)),
  totalVariation: (p, q) => 0.5 * Math.sign(q - p),
  skewKL: (p, q, w) => (-(1 - w) * p) / (w * p + (1 - w) * q),
  skewReverseKL: (p, q, w) => {
    const m = (1 - w) * p + w * q;
    return Math.log(q / m) - (w * q) / m;
  },
};

const kl = (a: number, b: number) => (a === 0 ? 0 : a * Math.log(a / b));
/** Terms of the loss. */
const terms: typeof slopes = {
  forwardKL: (p, q) => kl(p, q),
  reverseKL: (p, q) => kl(q, p),
  symmetricKL: (p, q, w) => (1 - w) * kl(p, q) + w * kl(q, p),
  jensenShannon: (p, q, w) => w * kl(q, (1 - w) * p + w * q) + (1 - w) * kl(p, (1 - w) * p + w * q),
  totalVariation: (p, q) => 0.5 * Math.abs(p - q),
  skewKL: (p, q, w) => kl(p, w * p + (1 - w) * q),
  skewReverseKL: (p, q, w) => kl(q, (1 - w) * p + w * q),
};

/** Losses after these, with the published numbers and others. */
const later: readonly (Extract<DivergenceForm, { kind: 'alphaBeta' }> & { readonly name: string })[] = (
  [
    ['teacherStudent', 0.2, 0.7, 0, 0.5],
    ['teacherStudent', 0.5, 0.5, 0, 0.5],
    ['teacherStudent', 1, 0, 0, 0.5],
    ['teacherStudent', 0, 1, 0, 0.5],
    ['teacherStudent', 1.2, 0.6, 0, 0.5],
    ['teacherMixture', 1, 0, 0.25, 0.5],
    ['teacherMixture', 0.2, 0.7, 0.25, 0.5],
    ['teacherMixture', 1, 0, 0, 0.3],
    ['studentMixture', 1, 0, 0.25, 0.5],
    ['studentMixture', 0.2, 0.7, 0.25, 0.5],
    ['mixtureTeacher', 1, 0, 0.25, 0.5],
    ['mixtureStudent', 1, 0, 0.25, 0.5],
    ['mixtureStudent', 0.2, 0.7, 2, 0.4],
    ['targetStudent', 1, 0, 0, 0.4],
  ] as const
).map(([between, alpha, beta, power, weight]) => ({
  ...{ name: `${between} ${alpha} ${beta}, mixture ${power} ${weight}`, kind: 'alphaBeta' },
  ...{ between, alpha, beta, power, weight },
}));

/** Loss and derivative by log q of a row, as the formulas have them, in float64. */
function alphaBeta(
  p: Float64Array,
  q: Float64Array,
  { between, alpha: a, beta: b, power: s, weight: w }: (typeof later)[number],
) {
  const c = a + b;
  const raw = p.map((pj, j) =>
    s === 0 ? pj ** w * q[j]! ** (1 - w) : (w * pj ** s + (1 - w) * q[j]! ** s) ** (1 / s),
  );
  const sum = raw.reduce((x, y) => x + y, 0);
  const r = raw.map((x) => x / sum);
  const isMixed = between !== 'teacherStudent';
  const first = between.startsWith('teacher') ? p : between.startsWith('student') ? q : r;
  const second = between.endsWith('Teacher') ? p : between.endsWith('Student') ? q : r;
  const limit = (k: number, x: number) => (k === 0 ? x : Math.expm1(k * x) / k);
  // (A^c - A^a B^b) / b and (B^c - A^a B^b) / a
  const byFirst = first.map((A, j) => -(A ** c) * limit(b, Math.log(second[j]! / A)));
  const bySecond = second.map((B, j) => -(B ** c) * limit(a, Math.log(first[j]! / B)));
  const loss = byFirst.reduce((x, g, j) => x + (g + bySecond[j]!) / c, 0);
  const ownBy = first === q ? byFirst : second === q ? bySecond : undefined;
  const h = first === r ? byFirst : bySecond;
  const sumH = h.reduce((x, y) => x + y, 0);
  const d = q.map((qj, j) => {
    const own = ownBy?.[j] ?? 0;
    if (!isMixed || between === 'targetStudent') return own;
    const share = ((1 - w) * qj ** s) / (w * p[j]! ** s + (1 - w) * qj ** s);
    return own + share * (h[j]! - r[j]! * sumH);
  });
  return { loss, d };
}

function softmax(logits: Float32Array, temperature: number): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const weights = Float64Array.from(logits, (z) => Math.exp((z - top) / temperature));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

interface Row {
  readonly note: string;
  readonly vocab: number;
  readonly temperature: number;
  readonly deviation: number;
  /** Added to one logit of the teacher and of the student. */
  readonly peaks?: readonly [number, number];
  /** The peaks are of the same token. */
  readonly same?: boolean;
}
const shapes: readonly Row[] = [
  { note: 'flat', vocab: 50_257, temperature: 1, deviation: 0.3 },
  { note: 'flat, warm', vocab: 50_257, temperature: 7, deviation: 1 },
  { note: 'peaked', vocab: 50_257, temperature: 1, deviation: 4 },
  { note: 'peaked at the same token', vocab: 50_257, temperature: 1, deviation: 1, peaks: [13, 14], same: true },
  { note: 'half of all at one token', vocab: 50_257, temperature: 1, deviation: 1, peaks: [11.4, 11.2], same: true },
  { note: 'a sure student, a flat teacher', vocab: 50_257, temperature: 2, deviation: 1, peaks: [0, 40] },
  { note: 'a flat student, a sure teacher', vocab: 50_257, temperature: 2, deviation: 1, peaks: [40, 0] },
  { note: 'warm', vocab: 152_064, temperature: 7, deviation: 3 },
  { note: 'peaked', vocab: 152_064, temperature: 0.5, deviation: 2 },
  { note: 'small, warm', vocab: 300, temperature: 7, deviation: 0.3 },
  // Gradients of a hundredth of the probabilities.
  { note: 'nearly even', vocab: 50_257, temperature: 7, deviation: 0.1 },
  { note: 'small, nearly even', vocab: 300, temperature: 7, deviation: 0.1 },
  // Of a ten thousandth and less.
  { note: 'even', vocab: 50_257, temperature: 7, deviation: 0.02 },
  { note: 'small, even', vocab: 300, temperature: 7, deviation: 0.02 },
  { note: 'as even as they come', vocab: 152_064, temperature: 1, deviation: 1e-4 },
  { note: 'even at no temperature', vocab: 50_257, temperature: 1, deviation: 0.01 },
];

function rowOf({ note, vocab, deviation, peaks: [teacherPeak, studentPeak] = [0, 0], same = false }: Row) {
  const random = createRandom(seedOf(`${note} ${vocab}`));
  const draw = () => Float32Array.from({ length: vocab }, () => deviation * random.normal());
  const [teacher, student] = [draw(), draw()];
  const at = random.integer(vocab);
  teacher[at]! += teacherPeak;
  student[same ? at : (at + 17) % vocab]! += studentPeak;
  return { teacher, student };
}

const rows = shapes.map((shape) => {
  const { teacher, student } = rowOf(shape);
  return { ...shape, teacher, student, p: softmax(teacher, shape.temperature), q: softmax(student, shape.temperature) };
});

forEachBackend((backend) => {
  describe.each(rows)(
    '$note, vocabulary $vocab, temperature $temperature',
    ({ vocab, temperature, teacher, student, p, q }) => {
      it('has the gradient of every divergence', async () => {
        const worst: Record<string, number> = {};
        // The slope of total variation jumps where p = q: there rounding decides, and moves the mean of all slopes.
        const isUndecided = (j: number) => Math.abs(Math.log(q[j]! / p[j]!)) < 2e-6;
        const undecided = q.reduce((sum, qj, j) => sum + (isUndecided(j) ? qj : 0), 0);
        for (const kind of Object.keys(divergenceKinds) as DivergenceKind[]) {
          const weight = kind === 'jensenShannon' || kind === 'symmetricKL' ? 0.5 : 0.1;
          const g = q.map((qj, j) => slopes[kind](p[j]!, qj, weight));
          const mean = g.reduce((sum, gj, j) => sum + q[j]! * gj, 0);
          const wanted = g.map((gj, j) => (q[j]! * (gj - mean)) / temperature);
          const { value, gradient } = await measureDivergence(
            backend(),
            { labels: [0], vocab, temperature, teacher: [[...teacher]], student: [[...student]] },
            { kind, weight },
          );
          const loss = q.reduce((sum, qj, j) => sum + terms[kind](p[j]!, qj, weight), 0);
          expect(Math.abs(value - loss), `loss of ${kind}`).toBeLessThan(Math.max(1e-6, 1e-5 * loss));
          const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const error = wanted.reduce((most, value, j) => {
            if (kind === 'totalVariation' && isUndecided(j)) return most;
            return Math.max(most, Math.abs(value - gradient[j]!) / largest);
          }, 0);
          worst[kind] = kind === 'totalVariation' ? error - undecided : error;
        }
        expect(Object.entries(worst).filter(([, error]) => !(error < 1e-5))).toEqual([]);
      });

      it('has the gradient of alpha-beta divergences and of mixtures', async () => {
        const worst: Record<string, number> = {};
        for (const { name, ...form } of later) {
          const { loss, d } = alphaBeta(p, q, { name, ...form });
          const sum = d.reduce((a, b) => a + b, 0);
          const wanted = d.map((dj, j) => (dj - q[j]! * sum) / temperature);
          const { value, gradient } = await measureDivergence(
            backend(),
            { labels: [0], vocab, temperature, teacher: [[...teacher]], student: [[...student]] },
            form,
          );
          expect(Math.abs(value - loss), `loss of ${name}`).toBeLessThan(Math.max(1e-6, 1e-5 * loss));
          const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          worst[name] = wanted.reduce((most, value, j) => Math.max(most, Math.abs(value - gradient[j]!) / largest), 0);
        }
        expect(Object.entries(worst).filter(([, error]) => !(error < 1e-5))).toEqual([]);
      });
    },
  );

  it.each(rows)('$note, vocabulary $vocab: has the gradient of cross-entropy', async ({ vocab, student }) => {
    const q = softmax(student, 1);
    const label = 7;
    const device = backend();
    const operands = {
      logits: device.allocate(4 * vocab, 'logits'),
      labels: device.allocate(4, 'labels'),
      loss: device.allocate(4, 'loss'),
    };
    device.write(operands.logits, student);
    device.write(operands.labels, Int32Array.of(label));
    device.run('crossEntropy', { dims: { rows: 1, vocab }, operands, params: { gradScale: 1 } });
    const [loss] = await device.read(operands.loss, 'f32');
    const gradient = await device.read(operands.logits, 'f32');
    for (const storage of Object.values(operands)) device.free(storage);
    expect(Math.abs(loss! / -Math.log(q[label]!) - 1)).toBeLessThan(1e-5);
    const largest = Math.max(
      1 - q[label]!,
      q.reduce((a, b) => Math.max(a, b)),
    );
    const worst = q.reduce((most, qj, j) => {
      const error = Math.abs(qj - (j === label ? 1 : 0) - gradient[j]!);
      // Entries beside the label's are small: each is as accurate as itself, too.
      return Math.max(most, error / largest, j === label ? 0 : error / Math.max(qj, 1e-30));
    }, 0);
    expect(worst).toBeLessThan(1e-5);
  });
});
