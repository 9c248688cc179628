import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/backend/backend.js';
import {
  type DivergenceForm,
  type DivergenceKind,
  divergenceKinds,
  simplestKind,
} from '../../src/backend/kernels/index.js';
import { measureDivergence } from '../../src/testing/divergences.js';
import { reference } from '../../src/testing/reference/index.js';
import { forEachBackend } from '../harness/backends.js';
import { openReference } from '../harness/referenceBackend.js';
import oracle from '../oracles/divergences.json' with { type: 'json' };

type OracleCase = (typeof oracle)[number];
type OracleLoss = OracleCase['losses'][number];

const IGNORED = -100;

const largest = (x: ArrayLike<number>) => Array.from(x).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const distance = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((most, v, i) => Math.max(most, Math.abs(v - y[i]!)), 0);

/** Smaller gradients than a normal f32 may be zero. */
const SMALLEST = 2 ** -126;
/** Rounding noise of the official code's float32 terms, which are of the order of 1 and cancel in extreme rows. */
const OFFICIAL_NOISE = 1e-6;

async function check(backend: Device, testCase: OracleCase, loss: OracleLoss): Promise<void> {
  const { value, gradient } = await measureDivergence(backend, testCase, loss as DivergenceForm);
  expect(Math.abs(value - loss.value)).toBeLessThanOrEqual(Math.max(1e-6, 1e-5 * Math.abs(loss.value)));
  const want = loss.gradient.flat();
  expect(distance(gradient, want)).toBeLessThanOrEqual(Math.max(SMALLEST, 1e-5 * largest(want)));
  const official = loss.official?.flat();
  if (official) {
    expect(distance(gradient, official)).toBeLessThanOrEqual(OFFICIAL_NOISE + 1e-5 * largest(official));
  }
  if (testCase.labels.every((label) => label === IGNORED)) {
    expect(value).toBe(0);
    expect(gradient.every((g) => g === 0)).toBe(true);
  }
}

function suite(backend: () => Device): void {
  for (const testCase of oracle) {
    describe(testCase.name, () => {
      for (const loss of testCase.losses) {
        it(loss.weight ? `${loss.kind}, ${loss.weight}` : loss.kind, () => check(backend(), testCase, loss));
      }
    });
  }
}

forEachBackend(suite);
describe('reference', () => {
  const backend = openReference({ precision: 'f32' });
  suite(() => backend);
});

describe('the simplest kind at a weight', () => {
  const kinds = Object.keys(divergenceKinds) as DivergenceKind[];
  const simpler = kinds.flatMap((kind) =>
    [0, 0.5, 1].map((weight) => [kind, weight, simplestKind(kind, weight)] as const).filter(([, , to]) => to !== kind),
  );

  it('is another for four mixtures that lack a side', () => {
    expect(simpler).toEqual([
      ['symmetricKL', 0, 'forwardKL'],
      ['symmetricKL', 1, 'reverseKL'],
      ['skewKL', 0, 'forwardKL'],
      ['skewReverseKL', 0, 'reverseKL'],
    ]);
  });

  it.each(simpler)('%s at %d is %s, in value and gradient', (kind, weight, simplest) => {
    const dims = { rows: 3, vocab: 19 };
    const logits = (seed: number) => Float64Array.from({ length: 57 }, (_, i) => 3 * Math.sin(seed * i + i * i));
    const operands = { teacher: logits(1), labels: Float64Array.of(1, 2, 3), student: logits(2) };
    const params = { temperature: 1.5, teacherTemperature: 1.5, gradScale: 0.7, clamp: 0 };
    const meaning = (name: DivergenceKind) =>
      reference.divergence(dims, operands, { kind: divergenceKinds[name], weight, ...params });
    const [found, want] = [meaning(kind), meaning(simplest)];
    expect(distance(found.loss.value, want.loss.value)).toBeLessThan(1e-13);
    expect(distance(found.student.value, want.student.value)).toBeLessThan(1e-13);
    expect(largest(want.student.value)).toBeGreaterThan(0.01);
  });
});
