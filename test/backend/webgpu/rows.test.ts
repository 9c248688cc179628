import { expect, it, vi } from 'vitest';
import { divergenceKinds, type KernelName } from '../../../src/backend/kernels/index.js';
import type { AnyCase } from '../../../src/testing/case.js';
import { cases } from '../../../src/testing/cases/index.js';
import { checkCase, prepare } from '../../../src/testing/compare.js';
import { describeWebGPU, withWebGPU } from './adapter.js';

// Software adapters compile a variant for seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const kernels = [
  ...(['layerNorm', 'layerNormBackward', 'rmsNorm', 'rmsNormBackward', 'crossEntropy', 'divergence'] as const),
  ...(['policyGradient', 'sample', 'attention'] as const),
] as const;
/** Attention has such a workgroup for few queries; of the divergences, which sum alike, one is enough. */
const wanted = (kernel: KernelName, { dims, params }: AnyCase) =>
  (kernel !== 'attention' || dims.queries! <= 8) &&
  (kernel !== 'divergence' || params.kind === divergenceKinds.skewReverseKL);

// Software adapters get 8 threads, which kernels.test.ts runs: their sums are made in one step, those of hardware in
// two.
describeWebGPU('workgroups that own a row, with as many threads as on hardware', () => {
  for (const kernel of kernels) {
    it(kernel, () =>
      withWebGPU({ rowThreads: 256, maxGroupsPerSide: 3 }, async (backend) => {
        const some = (cases[kernel] as readonly AnyCase[]).filter((testCase) => wanted(kernel, testCase));
        for (const testCase of some) await checkCase(backend, 'WebGPU', prepare(kernel, testCase));
        expect(backend.memory().liveStorages).toBe(0);
      }),
    );
  }
});

describeWebGPU('sums down columns, in parts of the rows', () => {
  const shape = { rows: 1031, cols: 5 };
  it.each(['columnSum', 'layerNormBackwardWeights', 'rmsNormBackwardWeights'] as const)(
    '%s owes nothing to what its temporary memory held',
    (kernel) =>
      withWebGPU({}, async (backend) => {
        // As much as 16 parts take, and more buffers than operands do.
        const held = Array.from({ length: 12 }, () => backend.allocate(4 * 16 * shape.cols, 'held before'));
        for (const storage of held) backend.write(storage, new Float32Array(16 * shape.cols).fill(Number.NaN));
        for (const storage of held) backend.free(storage);
        const tall = (cases[kernel] as readonly AnyCase[]).filter(({ dims }) => dims.rows === shape.rows);
        expect(tall.length).toBeGreaterThan(0);
        for (const testCase of tall) await checkCase(backend, 'WebGPU', prepare(kernel, testCase));
        expect(backend.memory().liveStorages).toBe(0);
      }),
  );
});
