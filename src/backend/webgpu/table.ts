/** Every kernel on WebGPU: by the plan in its record, or by an encoder of its own. */
import type { KernelTable } from '../backend.js';
import { type KernelName, type PlannedKernel, plannedKernels } from '../kernels/index.js';
import { attentionKernels } from './attention.js';
import type { Context } from './context.js';
import { planned } from './planned.js';
import { productKernels } from './products/index.js';
import { sumKernels } from './sums.js';

export function createTable(context: Context): KernelTable {
  const encoded: Pick<KernelTable, Exclude<KernelName, PlannedKernel>> = {
    ...productKernels(context),
    ...attentionKernels(context),
    ...sumKernels(context),
  };
  const byPlan = Object.fromEntries(plannedKernels.map((kernel) => [kernel, planned(context, kernel)]));
  return { ...encoded, ...(byPlan as unknown as Pick<KernelTable, PlannedKernel>) };
}
