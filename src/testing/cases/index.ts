/** The calls that each kernel is tested with, on every backend. A kernel without cases does not compile. */
import type { KernelName } from '../../backend/kernels/index.js';
import type { Cases } from '../case.js';
import { attention } from './attention.js';
import { elements } from './elements.js';
import { optimizer } from './optimizer.js';
import { products } from './products.js';
import { rows } from './rows.js';

export const cases: Cases<KernelName> = { ...products, ...attention, ...rows, ...elements, ...optimizer };
