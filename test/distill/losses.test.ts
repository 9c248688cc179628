import { describe, expect, it } from 'vitest';
import {
  type Divergence,
  divergenceSchema,
  divergenceSpec,
  forwardKL,
  jensenShannon,
  losses,
  reverseKL,
  skewKL,
  skewReverseKL,
  symmetricKL,
  totalVariation,
} from '../../src/distill/losses/index.js';
import { OptionError } from '../../src/errors.js';
import { f32Weight, linearDivergence, Tensor } from '../../src/tensor/index.js';
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
      'forwardKL: there is no option alpha, expected one of temperature.',
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  it('are plain data, made by the factory that the table has under their kind', () => {
    for (const [kind, make] of Object.entries(losses)) {
      const data = make();
      expect(JSON.parse(JSON.stringify(data))).toEqual({ ...data, kind });
      expect(divergenceSchema.parse(data)).toEqual(data);
    }
    expect(divergenceSpec(skewKL({ alpha: 0.3 }))).toEqual({ kind: 'skewKL', weight: 0.3, temperature: 1 });
  });
});
