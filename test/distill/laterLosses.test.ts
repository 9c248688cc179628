/** The losses that came after DistiLLM, and what every loss may have, against float64 autograd of PyTorch. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import { type Divergence, divergenceScale, divergenceSpec, losses } from '../../src/distill/losses/index.js';
import { divergenceOf, Tensor, tidy } from '../../src/tensor/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import oracle from '../oracles/laterLosses.json' with { type: 'json' };

type OracleCase = (typeof oracle)[number];

const IGNORED = -100;

/** Mean over the rows that count, and its gradient. */
async function measure(device: Device, { labels, vocab, ...logits }: OracleCase, loss: Divergence) {
  const shape = [labels.length, vocab];
  const counted = labels.filter((label) => label !== IGNORED).length;
  const scale = divergenceScale(loss);
  const made = tidy(() => {
    const [teacher, student] = [logits.teacher, logits.student].map((rows) =>
      Tensor.from(device, Float32Array.from(rows.flat()), shape),
    ) as [Tensor, Tensor];
    const operands = { teacher, student, labels: Tensor.from(device, Int32Array.from(labels), [labels.length]) };
    return { ...divergenceOf(divergenceSpec(loss), { ...operands, gradScale: scale / counted }), student };
  });
  const value = (scale * [...(await made.loss.read())].reduce((a, b) => a + b)) / counted;
  const gradient = [...(await made.student.read())];
  for (const tensor of Object.values(made)) tensor.dispose();
  return { value, gradient };
}

function suite(device: () => Device): void {
  describe.each(oracle)('$name', (testCase) => {
    it.each(testCase.losses.map(({ loss: { kind, ...options }, ...wanted }) => ({ kind, options, ...wanted })))(
      '$kind $options',
      async ({ kind, options, value, gradient }) => {
        const loss = losses[kind as keyof typeof losses](options as never) as Divergence;
        const found = await measure(device(), testCase, loss);
        expect(Math.abs(found.value - value)).toBeLessThanOrEqual(Math.max(1e-6, 1e-5 * value));
        const wanted = gradient.flat();
        const largest = wanted.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
        const error = wanted.reduce((most, each, i) => Math.max(most, Math.abs(each - found.gradient[i]!)), 0);
        expect(error).toBeLessThanOrEqual(1e-5 * largest);
      },
    );
  });
}

forEachBackend(suite);
describe('reference', () => {
  const device = openReference();
  suite(() => device);
});

it('has a row on either side of each clamp', () => {
  for (const { losses: ofCase, name } of oracle) {
    const clamped = ofCase.filter(({ loss }) => 'clamp' in loss);
    expect(clamped.length, name).toBe(2);
  }
  const rows = oracle.flatMap(({ losses: ofCase, labels }) =>
    ofCase
      .filter(({ loss }) => 'clamp' in loss)
      .flatMap(({ gradient }) =>
        gradient.filter((_, r) => labels[r] !== IGNORED).map((row) => row.every((g) => g === 0)),
      ),
  );
  expect(new Set(rows)).toEqual(new Set([true, false]));
});
