/** One line a method: this list is the table `methods`. */
export { distillm } from './distillm.js';
export { distillm2 } from './distillm2.js';
export { gkd } from './gkd.js';
export { imitkd } from './imitkd.js';
export { kd } from './kd.js';
export { minillm } from './minillm.js';
export { onPolicy } from './onPolicy.js';
export { seqkd } from './seqkd.js';
export { sft } from './sft.js';
