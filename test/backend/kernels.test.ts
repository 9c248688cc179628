import { afterAll, describe, it } from 'vitest';
import { type KernelName, kernels } from '../../src/backend/kernels/index.js';
import type { AnyCase } from '../../src/testing/case.js';
import { cases } from '../../src/testing/cases/index.js';
import { allowanceReport, caseLabel, checkCase, type Prepared, prepare } from '../../src/testing/compare.js';
import { forEachBackend } from '../harness/backends.js';

/** The reference is slow and the same for every backend. */
const prepared = new Map<AnyCase, Prepared>();
function prepareOnce(kernel: KernelName, testCase: AnyCase): Prepared {
  const known = prepared.get(testCase) ?? prepare(kernel, testCase);
  prepared.set(testCase, known);
  return known;
}

forEachBackend((backend, name) => {
  for (const kernel of Object.keys(kernels) as KernelName[]) {
    describe(kernel, () => {
      for (const testCase of cases[kernel] as readonly AnyCase[]) {
        it(caseLabel(testCase), () => checkCase(backend(), name, prepareOnce(kernel, testCase)));
      }
    });
  }
});

/** DISTILLM_ULP_REPORT=1 prints how much of its allowance each output needed. */
afterAll(() => {
  if (process.env.DISTILLM_ULP_REPORT === '1') console.log(allowanceReport());
});
