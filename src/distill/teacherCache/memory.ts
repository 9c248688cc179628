/** How much memory a teacher takes that is asked for its predictions: its largest batch is rehearsed. See models/memory.ts. */
import type { Sample } from '../../data/batch.js';
import { LimitError } from '../../errors.js';
import {
  findFitting,
  halvings,
  limitOf,
  type MemoryPlan,
  otherBytes,
  overDepths,
  startRehearsal,
  weightBytesOf,
} from '../../models/memory.js';
import type { LanguageModel } from '../../models/model.js';
import { type Kept, queuePredictions } from './predict.js';

/** What predictions take, in bytes. */
export interface TeacherCacheMemory extends MemoryPlan {
  /** The teacher's, as they are held. */
  readonly weights: number;
  /** What the forward pass of the longest batch computes, and a chunk of logits. */
  readonly activations: number;
}

interface Asked extends Kept {
  readonly teacher: LanguageModel;
  readonly data: { readonly train: readonly Sample[] };
  readonly batchSize: number;
}

export async function planCaching({ teacher, data, batchSize, ...kept }: Asked): Promise<TeacherCacheMemory> {
  const { device } = teacher;
  const [limit, other, weights] = [limitOf(device), otherBytes(device, [teacher]), weightBytesOf(teacher)];
  const longest = data.train.toSorted((a, b) => b.ids.length - a.ids.length);
  const measure = (size: number) =>
    overDepths({ teacher }, async (layers) => {
      const rehearsal = startRehearsal(device);
      const same = await teacher.onMeta(rehearsal.device, { layers: layers.teacher });
      const held = rehearsal.live();
      const peak = await rehearsal.peakOf(async () => {
        const found = queuePredictions(same, longest.slice(0, size), kept, device.info.preferredLogitsBytes);
        found?.ids.dispose();
        found?.logits.dispose();
      });
      const reached = Math.max(rehearsal.reached(), peak);
      return { weights: held, activations: peak - held, rest: reached - peak, other, total: reached + other };
    });
  const found = await measure(batchSize).catch((error: unknown) => {
    // A buffer of a GPU is too large.
    if (!(error instanceof LimitError)) throw error;
    return { weights, activations: 0, rest: 0, other, total: weights + other, tooLarge: error.message };
  });
  const fits = !('tooLarge' in found) && (limit === undefined || found.total <= limit);
  const totalOf = ({ batchSize: size = batchSize }: { batchSize?: number }) =>
    measure(size).then(
      ({ total }) => total,
      (error: unknown) => {
        if (!(error instanceof LimitError)) throw error;
        return undefined;
      },
    );
  const smaller = halvings(batchSize, 1).map((size) => ({ batchSize: size }));
  const fitting = fits ? [] : await findFitting([smaller], totalOf, limit);
  return { ...found, ...(limit !== undefined && { limit }), fits, fitting };
}
