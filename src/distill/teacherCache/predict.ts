/** What a teacher predicts on a batch of samples: the likeliest tokens and the rest, chosen on the device. */
import type { Sample } from '../../data/batch.js';
import { TrainingError } from '../../errors.js';
import type { LanguageModel } from '../../models/model.js';
import { ignoredLabel, linearTopTokens, tidy } from '../../tensor/index.js';
import { withLogitsRoom } from '../trainer/logitsRoom.js';
import type { TeacherCacheFacts } from './facts.js';

/** Which predictions are kept, and what of them. */
export type Kept = Pick<TeacherCacheFacts, 'topK' | 'temperature' | 'vocabSize'>;

/** Coarse predictions of some samples, one after the other. */
export interface Predictions {
  /** [rows, topK] */
  readonly ids: Int32Array;
  /** [rows, topK + 1] */
  readonly logs: Float32Array;
}

/** Predicted positions of each sample, as the model collates it. */
export const rowsOf = (teacher: LanguageModel, samples: readonly Sample[]): number[] =>
  samples.map((sample) => teacher.collate([sample]).labels.reduce((n, label) => n + Number(label !== ignoredLabel), 0));

/** Forward pass and choice, queued. Nothing where no position counts. */
export const queuePredictions = (
  teacher: LanguageModel,
  samples: readonly Sample[],
  { topK: k, ...kept }: Kept,
  chunkBytes: number,
) =>
  tidy(() => {
    const batch = teacher.collate(samples);
    const predicted = { hidden: teacher.forward(batch), head: teacher.head };
    return linearTopTokens(predicted, batch.labels, { k, ...kept, chunkBytes });
  });

/** @throws TrainingError for a prediction that is no number */
export async function predict(teacher: LanguageModel, samples: readonly Sample[], kept: Kept): Promise<Predictions> {
  const found = await withLogitsRoom(teacher.device, async (chunkBytes) => {
    const queued = queuePredictions(teacher, samples, kept, chunkBytes);
    if (!queued) return undefined;
    try {
      const logits = (await queued.logits.read()) as Float32Array;
      return { ids: (await queued.ids.read()) as Int32Array, logs: logSoftmax(logits, kept) };
    } finally {
      queued.ids.dispose();
      queued.logits.dispose();
    }
  });
  if (!found) return { ids: new Int32Array(0), logs: new Float32Array(0) };
  if (found.logs.some(Number.isNaN)) {
    throw new TrainingError(
      `cacheTeacher: the teacher's predictions of a batch of ${samples.length} are no numbers. Check its weights, or hold them in f32.`,
      { found: Number.NaN },
    );
  }
  return found;
}

/** The log-probabilities of rows of `topK` + 1 logits, in place. */
function logSoftmax(logits: Float32Array, { topK, temperature }: Kept): Float32Array {
  const outcomes = topK + 1;
  for (let first = 0; first < logits.length; first += outcomes) {
    const row = logits.subarray(first, first + outcomes);
    // They are taken from the largest of the whole row, which is 0.
    const total = row.reduce((sum, logit) => sum + Math.exp(logit / temperature), 0);
    const log = Math.log(total);
    for (let c = 0; c < outcomes; c++) row[c] = (row[c] as number) / temperature - log;
  }
  return logits;
}
