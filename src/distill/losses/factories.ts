/** One line a loss: this list is the table `losses`, and the public names. */
export { alphaBeta } from './alphaBeta.js';
export { alphaMixture } from './alphaMixture.js';
export { forwardKL } from './forwardKL.js';
export { jensenShannon } from './jensenShannon.js';
export { reverseKL } from './reverseKL.js';
export { skewKL } from './skewKL.js';
export { skewReverseKL } from './skewReverseKL.js';
export { symmetricKL } from './symmetricKL.js';
export { taid } from './taid.js';
export { totalVariation } from './totalVariation.js';
