export type { Divergence, TemperatureOption } from './divergence.js';
export { forwardKL } from './forwardKL.js';
export { jensenShannon } from './jensenShannon.js';
export { reverseKL } from './reverseKL.js';
export { type SkewOptions, skewKL } from './skewKL.js';
export { skewReverseKL } from './skewReverseKL.js';
export { symmetricKL } from './symmetricKL.js';
export { totalVariation } from './totalVariation.js';
