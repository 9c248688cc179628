import type { Sample } from '../../data/batch.js';
import type { Plan } from './plan.js';
import { type Purpose, randomOrder } from './random.js';

/**
 * The data of each step. A function of the plan and the step alone, so that a run can go on anywhere. Each epoch goes
 * through the samples in an order of its own.
 */
export interface BatchOrder {
  /** The samples of optimizer step `step` (from 1), of all its micro-batches. */
  data(step: number): Sample[];
  /** As many samples of plain text; none without a corpus. */
  text(step: number): Sample[];
}

export function batchOrder(plan: Plan): BatchOrder {
  const { train, text, batchSize, gradAccumulationSteps, seed } = plan;
  const wanted = batchSize * gradAccumulationSteps;
  return {
    data: reader(train, Math.min(wanted, train.length), seed, 'order'),
    text: reader(text, Math.min(wanted, text.length), seed, 'textOrder'),
  };
}

function reader(samples: readonly Sample[], size: number, seed: number, purpose: Purpose) {
  if (size === 0) return () => [];
  const perEpoch = Math.floor(samples.length / size);
  let order: { readonly epoch: number; readonly indices: Int32Array } | undefined;
  return (step: number): Sample[] => {
    const epoch = Math.floor((step - 1) / perEpoch);
    if (order?.epoch !== epoch) order = { epoch, indices: randomOrder(seed, purpose, epoch, samples.length) };
    const first = ((step - 1) % perEpoch) * size;
    return Array.from(order.indices.subarray(first, first + size), (index) => samples[index] as Sample);
  };
}

/** Samples in runs of `size`: the micro-batches of a step. */
export function chunks<T>(samples: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => samples.slice(i * size, (i + 1) * size));
}
