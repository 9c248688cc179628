import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import {
  alphaBeta,
  alphaMixture,
  type Divergence,
  divergenceScale,
  divergenceSchema,
  divergenceSpec,
  forwardKL,
  jensenShannon,
  losses,
  reverseKL,
  skewKL,
  skewReverseKL,
  symmetricKL,
  taid,
  totalVariation,
} from '../../src/distill/losses/index.js';
import { OptionError } from '../../src/errors.js';
import { divergenceOf, f32Weight, linearDivergence, Tensor, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';

const softmax = (logits: readonly number[]) => {
  const exps = logits.map(Math.exp);
  const total = exps.reduce((a, b) => a + b);
  return exps.map((e) => e / total);
};
const kl = (a: readonly number[], b: readonly number[]) => a.reduce((sum, ai, i) => sum + ai * Math.log(ai / b[i]!), 0);
const mix = (wa: number, a: readonly number[], b: readonly number[]) => a.map((ai, i) => wa * ai + (1 - wa) * b[i]!);

const teacherLogits = [1, -0.5, 0.25];
const studentLogits = [-1, 0.75, 0];

/** The value that the kernels give to a factory's divergence: one token of three words. */
async function value(divergence: Divergence): Promise<number> {
  const device = openReference();
  // The head is the identity, so hidden states are logits.
  const head = f32Weight(Tensor.from(device, Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), [3, 3]));
  const hidden = (logits: readonly number[]) => Tensor.from(device, Float32Array.from(logits), [1, 3]);
  const { loss } = linearDivergence({
    student: { hidden: hidden(studentLogits), head },
    teacher: { hidden: hidden(teacherLogits), head },
    labels: Int32Array.of(0),
    gradScale: 1,
    divergence: divergenceSpec(divergence),
  });
  return (await loss.read())[0]!;
}

const normalised = (x: readonly number[]) => x.map((v) => v / x.reduce((a, b) => a + b));
/** ABKD, formula 5. */
const ab = (x: readonly number[], y: readonly number[], a: number, b: number) =>
  (-1 / (a * b)) *
  x.reduce((sum, xi, i) => {
    const yi = y[i]!;
    return sum + xi ** a * yi ** b - (a / (a + b)) * xi ** (a + b) - (b / (a + b)) * yi ** (a + b);
  }, 0);
/** AMiD: alpha -1 is the plain mixture, 1 the geometric one. */
const alphaMix = (alpha: number, lambda: number) => {
  const s = (1 - alpha) / 2;
  return normalised(
    p.map((pi, i) =>
      s === 0 ? pi ** lambda * q[i]! ** (1 - lambda) : (lambda * pi ** s + (1 - lambda) * q[i]! ** s) ** (1 / s),
    ),
  );
};

const p = softmax(teacherLogits);
const q = softmax(studentLogits);

describe('divergences', () => {
  // Formulas in plain form, p teacher, q student: which of them alpha and weight weigh.
  it.each<[string, Divergence, number]>([
    ['forwardKL', forwardKL(), kl(p, q)],
    ['reverseKL', reverseKL(), kl(q, p)],
    ['symmetricKL 0.3', symmetricKL({ weight: 0.3 }), 0.7 * kl(p, q) + 0.3 * kl(q, p)],
    ['symmetricKL', symmetricKL(), 0.5 * kl(p, q) + 0.5 * kl(q, p)],
    ['jensenShannon 0.9', jensenShannon({ weight: 0.9 }), 0.9 * kl(q, mix(0.1, p, q)) + 0.1 * kl(p, mix(0.1, p, q))],
    ['jensenShannon', jensenShannon(), 0.5 * kl(q, mix(0.5, p, q)) + 0.5 * kl(p, mix(0.5, p, q))],
    ['totalVariation', totalVariation(), 0.5 * p.reduce((sum, pi, i) => sum + Math.abs(pi - q[i]!), 0)],
    ['skewKL: alpha weighs the teacher', skewKL({ alpha: 0.3 }), kl(p, mix(0.3, p, q))],
    ['skewKL: alpha 0.1', skewKL(), kl(p, mix(0.1, p, q))],
    ['skewReverseKL: alpha weighs the student', skewReverseKL({ alpha: 0.3 }), kl(q, mix(0.7, p, q))],
    ['skewReverseKL: alpha 0.1', skewReverseKL(), kl(q, mix(0.9, p, q))],
    ['alphaBeta', alphaBeta(), ab(p, q, 0.2, 0.7)],
    ['alphaBeta 1.1 0.4', alphaBeta({ alpha: 1.1, beta: 0.4 }), ab(p, q, 1.1, 0.4)],
    [
      'alphaBeta 0.5 0.5, four times the squared Hellinger distance',
      alphaBeta({ alpha: 0.5, beta: 0.5 }),
      2 * p.reduce((sum, pi, i) => sum + (Math.sqrt(pi) - Math.sqrt(q[i]!)) ** 2, 0),
    ],
    ['alphaBeta near forward KL', alphaBeta({ alpha: 1, beta: 1e-5 }), ab(p, q, 1, 1e-5)],
    [
      'alphaBeta 0.6 0, its limit',
      alphaBeta({ alpha: 0.6, beta: 0 }),
      p.reduce((sum, pi, i) => sum + (pi ** 0.6 * (0.6 * Math.log(pi / q[i]!) - 1) + q[i]! ** 0.6) / 0.36, 0),
    ],
    [
      'alphaBeta 0 0.6, its limit',
      alphaBeta({ alpha: 0, beta: 0.6 }),
      p.reduce((sum, pi, i) => sum + (q[i]! ** 0.6 * (0.6 * Math.log(q[i]! / pi) - 1) + pi ** 0.6) / 0.36, 0),
    ],
    ['alphaMixture', alphaMixture(), kl(p, alphaMix(0.5, 0.5))],
    ['alphaMixture, geometric', alphaMixture({ alpha: 1, lambda: 0.3 }), kl(p, alphaMix(1, 0.3))],
    [
      'alphaMixture of GPT-2',
      alphaMixture({ divergenceAlpha: 0.2, divergenceBeta: 0.7 }),
      ab(p, alphaMix(0.5, 0.5), 0.2, 0.7),
    ],
    ['alphaMixture beyond 1', alphaMixture({ alpha: 3, between: 'studentMixture' }), kl(q, alphaMix(3, 0.5))],
    ['alphaMixture to p', alphaMixture({ alpha: 0, between: 'mixtureTeacher' }), kl(alphaMix(0, 0.5), p)],
    ['alphaMixture to q', alphaMixture({ alpha: -3, between: 'mixtureStudent' }), kl(alphaMix(-3, 0.5), q)],
    ['taid at its start', taid({ start: 0.4 }), kl(alphaMix(1, 0.4), q)],
    ['taid from the student alone', taid({ start: 0 }), 0],
    ['a clamp above the loss', forwardKL({ clamp: 10 }), kl(p, q)],
    ['a clamp below it', forwardKL({ clamp: 0.25 }), 0.25],
    ['one token and the rest', forwardKL({ topK: 1 }), kl([p[0]!, p[1]! + p[2]!], [q[0]!, q[1]! + q[2]!])],
    ['two tokens and the rest, which is one', forwardKL({ topK: 2 }), kl(p, q)],
    ['more tokens than there are', forwardKL({ topK: 9 }), kl(p, q)],
    [
      "the teacher's temperature is its own",
      forwardKL({ temperature: 2, teacherTemperature: 0.5 }),
      kl(softmax(teacherLogits.map((z) => 2 * z)), softmax(studentLogits.map((z) => z / 2))),
    ],
    [
      'the square of the temperature is no part of the value',
      forwardKL({ temperature: 2, temperatureSquared: true }),
      kl(softmax(teacherLogits.map((z) => z / 2)), softmax(studentLogits.map((z) => z / 2))),
    ],
    [
      'temperature divides both logits',
      forwardKL({ temperature: 2 }),
      kl(softmax(teacherLogits.map((z) => z / 2)), softmax(studentLogits.map((z) => z / 2))),
    ],
  ])('%s', async (_, divergence, expected) => {
    expect(await value(divergence)).toBeCloseTo(expected, 6);
  });

  it.each<[string, () => Divergence, string]>([
    ['alpha 1', () => skewKL({ alpha: 1 }), 'skewKL: alpha is 1, expected a number of at least 0 and below 1.'],
    ['alpha below 0', () => skewReverseKL({ alpha: -0.1 }), 'skewReverseKL: alpha is -0.1, expected a number of at'],
    ['alpha NaN', () => skewKL({ alpha: Number.NaN }), 'skewKL: alpha is NaN, expected a number of at least 0'],
    [
      'weight 0 of jensenShannon',
      () => jensenShannon({ weight: 0 }),
      'jensenShannon: weight is 0, expected a number above 0 and below 1.',
    ],
    ['weight 1 of jensenShannon', () => jensenShannon({ weight: 1 }), 'jensenShannon: weight is 1, expected'],
    ['weight above 1', () => symmetricKL({ weight: 1.1 }), 'weight is 1.1, expected a number from 0 to 1.'],
    ['temperature 0', () => forwardKL({ temperature: 0 }), 'temperature is 0, expected a number above 0.'],
    [
      'infinite temperature',
      () => totalVariation({ temperature: Number.POSITIVE_INFINITY }),
      'temperature is Infinity, expected a number above 0 as f32 holds it (1.2e-38 to 3.4e38).',
    ],
    [
      'an option that it does not have',
      () => forwardKL({ alpha: 0.1 } as object),
      'forwardKL: there is no option alpha, expected one of temperature, teacherTemperature, temperatureSquared, clamp, topK.',
    ],
    ['alpha beyond 2', () => alphaBeta({ alpha: 2.1 }), 'alphaBeta: alpha is 2.1, expected a number from 0 to 2.'],
    [
      'exponents that are nothing together',
      () => alphaBeta({ alpha: 0, beta: 0 }),
      'alphaBeta: beta is 0, expected at least 0.1 together with the other exponent (0).',
    ],
    [
      'the same of a mixture',
      () => alphaMixture({ divergenceAlpha: 0.05, divergenceBeta: 0 }),
      'alphaMixture: divergenceBeta is 0, expected at least 0.1 together with the other exponent (0.05).',
    ],
    [
      'a mixture of one alone',
      () => alphaMixture({ lambda: 1 }),
      'lambda is 1, expected a number above 0 and below 1.',
    ],
    [
      'another pair',
      () => alphaMixture({ between: 'teacherStudent' as never }),
      'expected one of teacherMixture, studentMixture, mixtureTeacher, mixtureStudent',
    ],
    [
      'a target that goes back',
      () => taid({ start: 0.5, end: 0.4 }),
      'taid: end is 0.4, expected at least start (0.5).',
    ],
    [
      'a rate of a target on the line',
      () => taid({ linear: true, rate: 0.1 }),
      'taid: rate is 0.1, expected no such option beside linear, which leaves nothing to adapt.',
    ],
    [
      'a square that is 1',
      () => skewKL({ temperatureSquared: true }),
      'skewKL: temperatureSquared is true, expected no such option at temperature 1, whose square is 1.',
    ],
    ['no tokens', () => skewKL({ topK: 0 }), 'skewKL: topK is 0, expected an integer of at least 1.'],
    ['a clamp of nothing', () => skewKL({ clamp: 0 }), 'skewKL: clamp is 0, expected a number above 0.'],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  it('are plain data, made by the factory that the table has under their kind', () => {
    for (const [kind, make] of Object.entries(losses)) {
      const data = make() as Divergence;
      expect(JSON.parse(JSON.stringify(data))).toEqual({ ...data, kind });
      expect(divergenceSchema.parse(data)).toEqual(data);
    }
    expect(divergenceSpec(skewKL({ alpha: 0.3 }))).toEqual({ kind: 'skewKL', weight: 0.3, temperature: 1 });
    expect(divergenceScale(skewKL({ temperature: 3 }))).toBe(1);
    expect(divergenceScale(skewKL({ temperature: 3, temperatureSquared: true }))).toBe(9);
  });
});

const [rows, vocab] = [5, 67];
const logitsOf = (seed: number, spread = 4) =>
  Float32Array.from({ length: rows * vocab }, (_, i) => spread * Math.sin(seed * i + i * i));
/** Bits of loss and gradient on a device of f32. */
async function bitsOf(device: Device, divergence: Divergence, logits = logitsOf) {
  const made = tidy(() => {
    const [teacher, student] = [1, 2].map((seed) => Tensor.from(device, logits(seed), [rows, vocab])) as [
      Tensor,
      Tensor,
    ];
    const labels = Tensor.from(device, new Int32Array(rows), [rows]);
    const { loss } = divergenceOf(divergenceSpec(divergence), { teacher, student, labels, gradScale: 0.3 });
    return [loss, student];
  });
  const bits: number[] = [];
  for (const tensor of made) {
    bits.push(...(await tensor.read()));
    tensor.dispose();
  }
  return bits;
}

forEachBackend((device) => {
  it.each<[string, Divergence, Divergence]>([
    ['alpha-beta at 1 and 0', alphaBeta({ alpha: 1, beta: 0 }), forwardKL()],
    ['alpha-beta at 0 and 1', alphaBeta({ alpha: 0, beta: 1, temperature: 2 }), reverseKL({ temperature: 2 })],
    ['the plain mixture, to the teacher', alphaMixture({ alpha: -1, lambda: 0.1 }), skewKL({ alpha: 0.1 })],
    [
      'the plain mixture, to the student',
      alphaMixture({ alpha: -1, lambda: 0.9, between: 'studentMixture' }),
      skewReverseKL({ alpha: 0.1 }),
    ],
  ])('%s has the bits of the loss that it is', async (_, point, loss) => {
    expect(await bitsOf(device(), point)).toEqual(await bitsOf(device(), loss));
  });

  it('a clamp that no token reaches changes no bit, and one that all reach leaves no gradient', async () => {
    for (const make of [skewKL, reverseKL, alphaBeta, alphaMixture]) {
      expect(await bitsOf(device(), make({ clamp: 1e6 }))).toEqual(await bitsOf(device(), make()));
      const clamped = await bitsOf(device(), make({ clamp: 1e-3 }));
      expect(clamped.slice(0, 5)).toEqual(Array(5).fill(Math.fround(1e-3)));
      expect(clamped.slice(5).every((g) => g === 0)).toBe(true);
    }
  });

  it('every loss is finite at any logits, also where neither model gives a token any share', async () => {
    const between = ['teacherMixture', 'studentMixture', 'mixtureTeacher', 'mixtureStudent'] as const;
    const mixtures = [-5, -1, 0.5, 1, 5].flatMap((alpha) =>
      between.map((each) => alphaMixture({ alpha, between: each })),
    );
    const others = Object.values(losses).map((make) => make() as Divergence);
    const limits = [
      alphaBeta({ alpha: 0.1, beta: 0 }),
      alphaBeta({ alpha: 0, beta: 0.1 }),
      alphaBeta({ alpha: 2, beta: 2 }),
    ];
    const wrong: Divergence[] = [];
    for (const loss of [...others, ...limits, ...mixtures]) {
      for (const spread of [300, 1e4, 1e30]) {
        const bits = await bitsOf(device(), loss, (seed) => {
          const logits = logitsOf(seed, spread);
          for (const row of [0, vocab]) logits[row + 7] = -Infinity;
          if (seed === 1) logits[2 * vocab + 3] = -Infinity;
          return logits;
        });
        if (!bits.every(Number.isFinite) || bits.slice(0, rows).some((each) => each < 0)) wrong.push(loss);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('every loss is 0 where the student is the teacher, and teaches nothing', async () => {
    const between = ['teacherMixture', 'studentMixture', 'mixtureTeacher', 'mixtureStudent'] as const;
    const mixtures = [-5, 0.5, 1, 3].flatMap((alpha) => between.map((each) => alphaMixture({ alpha, between: each })));
    const limits = [alphaBeta({ alpha: 0.5, beta: 0 }), alphaBeta({ alpha: 0, beta: 0.5 }), forwardKL({ topK: 3 })];
    for (const loss of [...Object.values(losses).map((make) => make() as Divergence), ...limits, ...mixtures]) {
      const bits = await bitsOf(device(), loss, () => logitsOf(1));
      const largest = bits.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      expect([loss, largest < 1e-7]).toEqual([loss, true]);
    }
  });

  it('of the same temperature on both sides changes no bit', async () => {
    for (const make of [forwardKL, skewKL, alphaBeta]) {
      const each = await bitsOf(device(), make({ temperature: 3, teacherTemperature: 3 }));
      expect(each).toEqual(await bitsOf(device(), make({ temperature: 3 })));
    }
  });

  it('over few tokens and the rest rises with their number to the whole', async () => {
    for (const make of [forwardKL, reverseKL, skewKL, skewReverseKL, jensenShannon]) {
      const sums = await Promise.all(
        [1, 2, 5, 20, 60, 66, 67, 1000].map(async (topK) =>
          (await bitsOf(device(), make({ topK }))).slice(0, 5).reduce((a, b) => a + b),
        ),
      );
      const whole = (await bitsOf(device(), make())).slice(0, 5).reduce((a, b) => a + b);
      // Each is a coarser view of the next.
      for (let i = 1; i < sums.length; i++) expect(sums[i]! - sums[i - 1]!).toBeGreaterThan(-1e-5 * whole);
      expect(sums[0]).toBeGreaterThan(0.01 * whole);
      expect(sums.slice(-2)).toEqual([whole, whole]);
    }
  });
});
