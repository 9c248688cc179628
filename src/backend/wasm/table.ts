/** Every kernel on WASM: by the plan in its record, or by an encoder of its own. */
import type { KernelTable } from '../backend.js';
import { type KernelName, type PlannedKernel, plannedKernels } from '../kernels/index.js';
import { attentionKernels } from './attention.js';
import { type Entries, planned, type Threads } from './calls.js';
import { productKernels } from './products/index.js';
import { sumKernels } from './sums.js';

export function createTable(threads: Threads): KernelTable {
  const encoded: Entries<Exclude<KernelName, PlannedKernel>> = {
    ...productKernels(threads),
    ...attentionKernels(threads),
    ...sumKernels(threads),
  };
  const byPlan = Object.fromEntries(plannedKernels.map((kernel) => [kernel, planned(threads, kernel)]));
  return { ...encoded, ...(byPlan as unknown as Entries<PlannedKernel>) };
}
