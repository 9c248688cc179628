/** What each kernel means, in float64, in plain loops: the chapters of the kernel table. */
import type { KernelName } from '../../backend/kernels/index.js';
import * as attention from './attention.js';
import * as elements from './elements.js';
import * as optimizer from './optimizer.js';
import * as products from './products.js';
import * as rows from './rows/index.js';
import type { Reference } from './types.js';

export const reference: { readonly [K in KernelName]: Reference<K> } = {
  ...products,
  ...attention,
  ...rows,
  ...elements,
  ...optimizer,
};
