/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Whether a device computes what its kernels mean, by the cases and the float64 reference of distillm's own tests.
 * `distillm verify` is the same on the command line.
 * @module distillm/testing
 */

export type { WeightFormat } from '../tensor/index.js';
export { type DivergenceCase, measureDivergence } from '../testing/divergences.js';
export { type KeptVerification, keepVerification, keptVerification } from '../testing/kept.js';
export { type KernelVerdict, type VerifyOptions, verifyDevice } from '../testing/verify.js';
