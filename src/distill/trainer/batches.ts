/**
 * Which samples a step trains on: a function of the seed and the step alone. A resumed run needs no stored position in
 * the data.
 */
import type { Sample } from '../../data/batch.js';
import { type Purpose, randomOrder } from '../../random.js';
import type { RunSettings } from '../settings.js';
import { byTeacher } from '../teachers.js';
import type { Plan } from './plan.js';

/**
 * The data of each step: a function of the plan and the step alone, so that a resumed run continues at any step. Each
 * epoch has an order of its own.
 */
export interface BatchOrder {
  /** The samples of optimizer step `step` (from 1), of all its micro-batches. */
  data(step: number): Sample[];
  /** As many samples of plain text; none without a corpus. */
  text(step: number): Sample[];
}

/** Sequences that an optimizer step trains on: those of its micro-batches, or all of the data where these are fewer. */
export const sequencesOfStep = (
  { batchSize, gradAccumulationSteps }: Pick<RunSettings, 'batchSize' | 'gradAccumulationSteps'>,
  samples: readonly unknown[],
): number => Math.min(batchSize * gradAccumulationSteps, samples.length);

export function batchOrder(plan: Plan): BatchOrder {
  const { train, text, settings } = plan;
  const { groupByLength, seed } = settings;
  const size = sequencesOfStep(settings, train);
  const random = (purpose: Purpose, count: number) => (epoch: number) => randomOrder(seed, purpose, epoch, count);
  const order = random('order', train.length);
  const grouped = (epoch: number) =>
    batchesOfOneLength(train, size, order(epoch), random('batchOrder', Math.floor(train.length / size))(epoch));
  return {
    data: reader(train, size, groupByLength ? grouped : order),
    // Plain text comes in pieces of one length.
    text: reader(text, sequencesOfStep(settings, text), random('textOrder', text.length)),
  };
}

/**
 * Takes `size` samples a step, in each epoch's own order. Samples that do not fill the last batch of an epoch are
 * skipped.
 */
function reader(samples: readonly Sample[], size: number, orderOf: (epoch: number) => Int32Array) {
  if (size === 0) return () => [];
  const perEpoch = Math.floor(samples.length / size);
  let order: { readonly epoch: number; readonly indices: Int32Array } | undefined;
  return (step: number): Sample[] => {
    const epoch = Math.floor((step - 1) / perEpoch);
    if (order?.epoch !== epoch) order = { epoch, indices: orderOf(epoch) };
    const first = ((step - 1) % perEpoch) * size;
    return Array.from(order.indices.subarray(first, first + size), (index) => samples[index] as Sample);
  };
}

/** So many batches are sorted by length together: enough to save padding, and few enough that neighbours change. */
const sortedTogether = 50;

/**
 * `order` with neighbours of like length: each run of `sortedTogether` batches sorted by length, then the batches in
 * `batchOrder`, so that short and long ones alternate at random. An incomplete batch stays at the end.
 */
function batchesOfOneLength(
  samples: readonly Sample[],
  size: number,
  order: Int32Array,
  batchOrder: Int32Array,
): Int32Array {
  const lengthOf = (index: number) => (samples[index] as Sample).ids.length;
  const used = order.slice(0, batchOrder.length * size);
  for (let first = 0; first < used.length; first += sortedTogether * size) {
    used.subarray(first, first + sortedTogether * size).sort((a, b) => lengthOf(a) - lengthOf(b));
  }
  const indices = order.slice();
  batchOrder.forEach((batch, to) => {
    indices.set(used.subarray(batch * size, (batch + 1) * size), to * size);
  });
  return indices;
}

/** The micro-batches of a step: samples in runs of the batch size, of several teachers those of each for themselves. */
export function microBatches({ teachers, settings }: Plan, samples: readonly Sample[]): Sample[][] {
  const groups = teachers.length > 1 ? byTeacher(samples) : [[...samples.keys()]];
  return groups.flatMap((indices) =>
    chunks(
      indices.map((index) => samples[index] as Sample),
      settings.batchSize,
    ),
  );
}

/** Values in runs of `size`. */
export function chunks<T>(samples: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => samples.slice(i * size, (i + 1) * size));
}
