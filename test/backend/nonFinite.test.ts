/** Logits that are no finite numbers: what no softmax can be made of shows as NaN, on every device; -infinity is no probability. */
import { expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import {
  type AlphaBetaPair,
  alphaBetaPairs,
  type DivergenceKind,
  divergenceKinds,
} from '../../src/backend/kernels/index.js';
import { run } from '../../src/tensor/run.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { forEachBackend } from '../harness/backends.js';

const [rows, vocab] = [3, 67];
const logits = (seed: number) => Float32Array.from({ length: rows * vocab }, (_, i) => 3 * Math.sin(seed * i + i * i));
/** Of the second row. */
const spoiltAt = vocab + 29;
const label = 29;

async function divergenceOf(
  device: Device,
  kind: DivergenceKind | AlphaBetaPair,
  change: { teacher?: number; student?: number },
) {
  const [teacher, student] = (['teacher', 'student'] as const).map((name, i) => {
    const data = logits(i + 1);
    if (change[name] !== undefined) data[spoiltAt] = change[name];
    return Tensor.from(device, data, [rows, vocab]);
  }) as [Tensor, Tensor];
  const labels = Tensor.from(device, new Int32Array(rows), [rows]);
  const params = { temperature: 1, teacherTemperature: 1, weight: 0.1, gradScale: 1, clamp: 0 };
  const outputs = isPair(kind)
    ? run(
        device,
        'alphaBeta',
        { teacher, labels, student },
        { ...params, power: 0.25, alpha: 0.2, beta: 0.7, pair: alphaBetaPairs[kind] },
      )
    : run(device, 'divergence', { teacher, labels, student }, { ...params, kind: divergenceKinds[kind] });
  const found = { loss: [...(await outputs.loss.read())], gradient: (await student.read()) as Float32Array };
  for (const tensor of [teacher, student, labels, ...Object.values(outputs)]) tensor.dispose();
  return found;
}

const isPair = (kind: string): kind is AlphaBetaPair => kind in alphaBetaPairs;

async function crossEntropyOf(device: Device, logit?: number) {
  const data = logits(1);
  if (logit !== undefined) data[spoiltAt + 1] = logit;
  const held = Tensor.from(device, data, [rows, vocab]);
  const labels = Tensor.from(device, new Int32Array(rows).fill(label), [rows]);
  const { loss } = run(device, 'crossEntropy', { labels, logits: held }, { gradScale: 1 });
  const found = { loss: [...(await loss.read())], gradient: (await held.read()) as Float32Array };
  for (const tensor of [held, labels, loss]) tensor.dispose();
  return found;
}

/** A ratio inside of the clamp: what is clamped has no gradient. */
async function policyGradientOf(device: Device, logit?: number) {
  const data = logits(1);
  if (logit !== undefined) data[spoiltAt + 1] = logit;
  const held = Tensor.from(device, data, [rows, vocab]);
  const row = (value: number) => Tensor.from(device, new Float32Array(rows).fill(value), [rows]);
  const given = {
    labels: Tensor.from(device, new Int32Array(rows).fill(label), [rows]),
    ...{ advantages: row(-0.7), oldLogProbs: row(-5), importance: row(1) },
  };
  const { loss } = run(device, 'policyGradient', { ...given, logits: held }, { clip: 0.2, gradScale: 1 });
  const found = { loss: [...(await loss.read())], gradient: (await held.read()) as Float32Array };
  for (const tensor of [...Object.values(given), held, loss]) tensor.dispose();
  return found;
}

const rowOf = (values: Float32Array, row: number) => [...values.subarray(row * vocab, (row + 1) * vocab)];

forEachBackend((device) => {
  const pairs = Object.keys(alphaBetaPairs) as AlphaBetaPair[];
  const kinds = [...(Object.keys(divergenceKinds) as DivergenceKind[]), ...pairs];
  const spoilt = kinds.flatMap((kind) =>
    (['teacher', 'student'] as const).flatMap((whose) =>
      [Number.NaN, -Number.NaN, Infinity].map((logit) => [kind, whose, logit] as const),
    ),
  );
  it.each(spoilt)('%s, %s with %d: a loss and a gradient of NaN, in that row alone', async (kind, whose, logit) => {
    const whole = await divergenceOf(device(), kind, {});
    const found = await divergenceOf(device(), kind, { [whose]: logit });
    expect(found.loss).toEqual([whole.loss[0], Number.NaN, whole.loss[2]]);
    expect(rowOf(found.gradient, 1).every(Number.isNaN)).toBe(true);
    for (const row of [0, 2]) expect(rowOf(found.gradient, row)).toEqual(rowOf(whole.gradient, row));
  });

  const mixtures = ['jensenShannon', 'skewKL', 'skewReverseKL', 'totalVariation', ...pairs] as const;
  it.each(mixtures.flatMap((kind) => (['teacher', 'student'] as const).map((whose) => [kind, whose] as const)))(
    '%s, %s with -infinity: as with a logit of no share',
    async (kind, whose) => {
      const want = await divergenceOf(device(), kind, { [whose]: -300 });
      const found = await divergenceOf(device(), kind, { [whose]: -Infinity });
      expect(Math.abs((found.loss[1] as number) - (want.loss[1] as number))).toBeLessThan(1e-6);
      for (let i = 0; i < found.gradient.length; i++)
        expect(Math.abs((found.gradient[i] as number) - (want.gradient[i] as number))).toBeLessThan(1e-6);
    },
  );

  it.each([Number.NaN, Infinity])(
    'crossEntropy with %d: no finite loss and no finite gradient of that row',
    async (logit) => {
      const whole = await crossEntropyOf(device());
      const found = await crossEntropyOf(device(), logit);
      expect(Number.isFinite(found.loss[1])).toBe(false);
      expect(rowOf(found.gradient, 1).some(Number.isFinite)).toBe(false);
      for (const row of [0, 2]) {
        expect(found.loss[row]).toBe(whole.loss[row]);
        expect(rowOf(found.gradient, row)).toEqual(rowOf(whole.gradient, row));
      }
    },
  );

  it('crossEntropy with -infinity: as with a logit of no share', async () => {
    const want = await crossEntropyOf(device(), -300);
    const found = await crossEntropyOf(device(), -Infinity);
    expect(found.loss).toEqual(want.loss);
    expect([...found.gradient]).toEqual([...want.gradient]);
  });

  it.each([Number.NaN, -Number.NaN, Infinity])(
    'policyGradient with %d: a loss and a gradient of NaN, in that row alone',
    async (logit) => {
      const whole = await policyGradientOf(device());
      expect(rowOf(whole.gradient, 1).some((g) => g !== 0)).toBe(true);
      const found = await policyGradientOf(device(), logit);
      expect(found.loss).toEqual([whole.loss[0], Number.NaN, whole.loss[2]]);
      expect(rowOf(found.gradient, 1).every(Number.isNaN)).toBe(true);
      for (const row of [0, 2]) expect(rowOf(found.gradient, row)).toEqual(rowOf(whole.gradient, row));
    },
  );

  it('policyGradient with -infinity: as with a logit of no share', async () => {
    const want = await policyGradientOf(device(), -300);
    const found = await policyGradientOf(device(), -Infinity);
    expect(found.loss).toEqual(want.loss);
    expect([...found.gradient]).toEqual([...want.gradient]);
  });
});
