import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/backend/backend.js';
import type { DivergenceKind } from '../../../src/backend/kernels/index.js';
import {
  coarseKinds,
  type DivergenceSpec,
  divergenceRows,
  f32Weight,
  headLogits,
  linearLosses,
  linearTopTokens,
  type RowLoss,
  reduceToTop,
  Tensor,
  tidy,
  topDivergenceRows,
  topTokens,
} from '../../../src/tensor/index.js';
import { gatherRows } from '../../../src/tensor/ops/linearLoss.js';
import { createRandom } from '../../../src/testing/random.js';
import { forEachBackend } from '../../harness/backends.js';
import { type GradientCase, gradientTests } from '../../harness/gradients.js';

/** A GPU in software compiles every shader. */
const compilingMs = 180_000;
const VOCAB = 13;
const LABELS = Int32Array.of(3, -100, 12, 0, -100, 7, 7);

function normals(device: Device, seed: number, ...shape: [number, number]): Tensor {
  const random = createRandom(seed);
  const values = Float32Array.from({ length: shape[0] * shape[1] }, () => 2 * random.normal());
  return Tensor.from(device, values, shape, 'normals');
}

/** A teacher with another hidden size. */
const teacherOf = (device: Device, rows: number, vocab: number) => ({
  hidden: normals(device, 3, rows, 3),
  head: f32Weight(normals(device, 4, vocab, 3)),
});

const likeliest = (logits: Tensor, count: number, temperature: number) =>
  reduceToTop(logits, topTokens(logits, count), temperature);

/** The teacher's `count` likeliest tokens, looked up as they are wanted. */
function coarseLoss(
  { hidden, head }: ReturnType<typeof teacherOf>,
  divergence: DivergenceSpec,
  { count, gradScale }: { count: number; gradScale: number },
): RowLoss {
  const { temperature, teacherTemperature = temperature } = divergence;
  return topDivergenceRows(
    ({ rows }) => likeliest(headLogits(gatherRows(hidden, rows), head), count, teacherTemperature),
    divergence,
    gradScale,
  );
}

const kinds = [...coarseKinds] as DivergenceKind[];

const gradientCase = (
  kind: DivergenceKind,
  { count = 4, weight = 0.1, temperature = 1, chunkBytes = 2 ** 20, spread = 1 } = {},
): GradientCase => ({
  name: `coarse ${kind} ${weight}, ${count} tokens, temperature ${temperature}, ${chunkBytes} bytes, spread ${spread}`,
  inputs: { hidden: [LABELS.length, 5], head: [VOCAB, 5] },
  spread,
  gradScale: 0.2,
  forward({ hidden, head }, device) {
    const divergence = { kind, weight, temperature };
    const losses = [coarseLoss(teacherOf(device, LABELS.length, VOCAB), divergence, { count, gradScale: 0.2 })];
    const student = { hidden: hidden!, head: f32Weight(head!) };
    return linearLosses({ student, labels: LABELS, losses, chunkBytes }).losses[0]!;
  },
});

gradientTests([
  ...kinds.map((kind) => gradientCase(kind)),
  ...[1, VOCAB - 1, VOCAB].map((count) => gradientCase('skewKL', { count })),
  gradientCase('skewReverseKL', { temperature: 2.5, count: 3 }),
  gradientCase('jensenShannon', { weight: 0.5, temperature: 0.5, chunkBytes: 2 * 4 * VOCAB }),
]);

forEachBackend((backend) => {
  describe('a coarse divergence', () => {
    const rows = 12;
    const vocab = 40;
    const labels = new Int32Array(rows);
    /** Sums over the rows of the full divergence, and with each number of tokens. */
    async function sums(
      divergence: DivergenceSpec,
      counts: readonly number[],
    ): Promise<{ full: number; coarse: number[] }> {
      const device = backend();
      const losses = tidy(() => {
        const teacher = teacherOf(device, rows, vocab);
        const student = { hidden: normals(device, 5, rows, 4), head: f32Weight(normals(device, 6, vocab, 4)) };
        const all = [
          divergenceRows(teacher, divergence, 1),
          ...counts.map((count) => coarseLoss(teacher, divergence, { count, gradScale: 1 })),
        ];
        // Each loss gets logits of its own.
        return all.map((loss) => {
          const [sum] = linearLosses({ student, labels, losses: [loss] }).losses;
          return sum!.alias();
        });
      });
      const [full, ...coarse] = await Promise.all(
        losses.map(async (loss) => ((await loss.read()) as Float32Array)[0]!),
      );
      for (const loss of losses) loss.dispose();
      return { full: full!, coarse };
    }

    it.each<[string, Partial<DivergenceSpec>]>([
      ...kinds.map((kind): [string, object] => [kind, { kind }]),
      ['reverseKL, clamped, a temperature each', { kind: 'reverseKL', teacherTemperature: 0.8, clamp: 2 }],
    ])(
      'of %s is between 0 and the full one, rises with the tokens, and is the full one with all',
      async (_, spec) => {
        const counts = [1, 2, 4, 12, 39, vocab];
        const { full, coarse } = await sums({ weight: 0.3, temperature: 1.5, ...spec } as DivergenceSpec, counts);
        const slack = 1e-5 * full;
        expect(coarse[0]).toBeGreaterThan(0);
        for (const [i, value] of coarse.entries()) expect(value).toBeGreaterThanOrEqual((coarse[i - 1] ?? 0) - slack);
        expect(coarse[2]).toBeLessThan(0.99 * full);
        expect(Math.abs(coarse.at(-1)! - full)).toBeLessThan(slack);
      },
      compilingMs,
    );

    it(
      'is 0 where the student is the teacher',
      async () => {
        const device = backend();
        for (const kind of ['skewKL', 'reverseKL'] as const) {
          const sum = tidy(() => {
            const teacher = teacherOf(device, rows, vocab);
            const loss = coarseLoss(teacher, { kind, weight: 0.3, temperature: 1 }, { count: 5, gradScale: 1 });
            return linearLosses({ student: teacher, labels, losses: [loss] }).losses[0]!.alias();
          });
          expect(Math.abs((await sum.read())[0]!)).toBeLessThan(1e-5);
          sum.dispose();
        }
      },
      compilingMs,
    );
  });

  it('the likeliest tokens of hidden states are those of the rows that count, whatever the chunks', async () => {
    const device = backend();
    const take = (chunkBytes: number, temperature = 1) =>
      tidy(() =>
        linearTopTokens(
          teacherOf(device, LABELS.length, VOCAB),
          LABELS.map((label) => Math.min(label, 10)),
          {
            ...{ k: 3, temperature, vocabSize: 11, chunkBytes },
          },
        ),
      )!;
    const [whole, parts, warm] = [take(2 ** 20), take(2 * 4 * 11), take(2 ** 20, 2)];
    expect(whole.ids.shape).toEqual([5, 3]);
    expect(whole.logits.shape).toEqual([5, 4]);
    const [ids, logits] = [await whole.ids.read(), await whole.logits.read()];
    expect(await parts.ids.read()).toEqual(ids);
    expect(await warm.ids.read()).toEqual(ids);
    const inParts = await parts.logits.read();
    inParts.forEach((value, i) => void expect(value).toBeCloseTo(logits[i]!, 5));
    expect(Math.max(...ids)).toBeLessThan(11);
    // The rest is another at another temperature; what stands alone is not.
    const warmer = await warm.logits.read();
    for (let i = 0; i < 20; i++) {
      if (i % 4 < 3) expect(warmer[i]).toBeCloseTo(logits[i]!, 5);
      else expect(warmer[i]).toBeGreaterThan(logits[i]!);
    }
    const none = tidy(() =>
      linearTopTokens(teacherOf(device, 2, VOCAB), new Int32Array(2).fill(-100), {
        ...{ k: 1, temperature: 1, vocabSize: VOCAB },
      }),
    );
    expect(none).toBeUndefined();
    for (const { ids, logits } of [whole, parts, warm]) {
      ids.dispose();
      logits.dispose();
    }
  });

  const [rows, vocab, count] = [3, 67, 5];
  /** A row with a token of another logit, between two without. */
  const logitsWith = (logit: number, at: number) => {
    const data = Float32Array.from({ length: rows * vocab }, (_, i) => 3 * Math.sin(i + i * i));
    data[vocab + at] = logit;
    return Tensor.from(backend(), data, [rows, vocab], 'logits');
  };

  it.each([Number.NaN, Infinity])('a row of the student with %d has no finite loss, the others have', async (logit) => {
    const device = backend();
    const lossesOf = async (at: number, found: number) => {
      const loss = tidy(() => {
        const teacher = likeliest(logitsWith(0.5, 29), count, 1);
        const labels = Tensor.from(device, new Int32Array(rows), [rows], 'labels');
        const rowIndices = Int32Array.of(0, 1, 2);
        const chunk = {
          logits: logitsWith(found, at),
          labels,
          rows: Tensor.from(device, rowIndices, [rows]),
          rowIndices,
          measure() {},
        };
        return topDivergenceRows(() => teacher, { kind: 'skewKL', weight: 0.1, temperature: 1 }, 1)(chunk);
      });
      const values = [...(await loss.read())];
      loss.dispose();
      return values;
    };
    // A token that is named, or may be, and the others in turn.
    for (const at of [0, 1, 2, 29, 66]) {
      const [whole, spoilt] = [await lossesOf(at, 0.5), await lossesOf(at, logit)];
      expect(spoilt).toEqual([whole[0], Number.NaN, whole[2]]);
    }
  });
});
