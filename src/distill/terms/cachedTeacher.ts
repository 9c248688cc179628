/**
 * A teacher whose predictions are read from a cache. The likeliest tokens of each position are known by name, the others as one
 * outcome, and the student is compared with that, see src/tensor/ops/predictions.ts.
 */
import type { Sample } from '../../data/batch.js';
import { CompatibilityError } from '../../errors.js';
import { ignoredLabel, type LogitsChunk, Tensor, topDivergenceRows } from '../../tensor/index.js';
import type { TeacherCache } from '../teacherCache/index.js';
import type { TeacherSignal } from './teacherSignal.js';
import type { TermBatch } from './term.js';

type Rows = Awaited<ReturnType<TeacherCache['read']>>;

/** @param train the samples that the cache is of, in order: batches are made of these objects */
export function cachedTeacher(cache: TeacherCache, train: readonly Sample[]): TeacherSignal {
  const { topK, vocabSize, temperature } = cache.facts;
  const places = new Map(train.map((sample, index) => [sample, index]));
  /** Of the batches at hand. */
  let read = new Map<Sample, Rows>();
  return {
    vocabSize,
    async prepare(batches) {
      const found = new Map<Sample, Rows>();
      for (const sample of batches.flatMap(({ samples }) => samples)) {
        if (found.has(sample)) continue;
        found.set(sample, read.get(sample) ?? (await cache.read(placeOf(sample, places))));
      }
      read = found;
    },
    divergenceOf(batch, divergence, gradScale) {
      const places = placesOf(batch, (sample) => (read.get(sample) as Rows).logs.length / (topK + 1));
      return topDivergenceRows(
        (chunk) => {
          const rows = chunk.rowIndices.length;
          const taken = { ids: new Int32Array(rows * topK), logs: new Float32Array(rows * (topK + 1)) };
          chunk.rowIndices.forEach((row, i) => {
            const { sample, at } = places(row);
            const { ids, logs } = read.get(sample) as Rows;
            taken.ids.set(ids.subarray(at * topK, (at + 1) * topK), i * topK);
            taken.logs.set(logs.subarray(at * (topK + 1), (at + 1) * (topK + 1)), i * (topK + 1));
          });
          // What was divided by the temperature is divided by it again.
          const logits = temperature === 1 ? taken.logs : taken.logs.map((log) => log * temperature);
          return tensorsOf(chunk, { ids: taken.ids, logs: logits }, topK);
        },
        divergence,
        gradScale,
      );
    },
  };
}

/**
 * In place of the cache where work is only tried: for memory that is planned, and for parts of samples by which time is
 * measured. All tokens that it names, and the rest, are equally likely.
 */
export function standInTeacher({ topK, vocabSize }: TeacherCache['facts']): TeacherSignal {
  return {
    vocabSize,
    divergenceOf: (_, divergence, gradScale) =>
      topDivergenceRows(
        (chunk) => {
          const rows = chunk.rowIndices.length;
          const ids = Int32Array.from({ length: rows * topK }, (_, i) => i % topK);
          return tensorsOf(chunk, { ids, logs: new Float32Array(rows * (topK + 1)) }, topK);
        },
        divergence,
        gradScale,
      ),
  };
}

function placeOf(sample: Sample, places: ReadonlyMap<Sample, number>): number {
  const place = places.get(sample);
  if (place !== undefined) return place;
  throw new CompatibilityError(
    'training: a batch has a sample that is not of data.train, and the teacher cache has predictions on no other. Train on the ' +
      'data alone, with sgo dataOnly(), or with the teacher itself.',
  );
}

/**
 * Where the prediction of a row of hidden states is: its sample, and which of the sample's predicted positions it is.
 * @param rowsOf predicted positions of a sample in the cache
 */
function placesOf(
  { labels, seq, samples }: TermBatch,
  rowsOf: (sample: Sample) => number,
): (row: number) => { sample: Sample; at: number } {
  const at = new Int32Array(labels.length);
  samples.forEach((sample, b) => {
    let count = 0;
    for (let i = b * seq; i < (b + 1) * seq; i++) {
      at[i] = count;
      if (labels[i] !== ignoredLabel) count++;
    }
    const cached = rowsOf(sample);
    if (count === cached) return;
    throw new CompatibilityError(
      `training: the student predicts ${count} positions of a sample, the teacher cache has ${cached}. Teacher and student must ` +
        'read an answer in the same way: take models of the same kind.',
      { found: cached, expected: count },
    );
  });
  return (row) => ({ sample: samples[Math.floor(row / seq)] as Sample, at: at[row] as number });
}

const tensorsOf = ({ logits: { device } }: LogitsChunk, { ids, logs }: Rows, topK: number) => ({
  ids: Tensor.from(device, ids, [ids.length / topK, topK], 'teacher.ids'),
  logits: Tensor.from(device, logs, [ids.length / topK, topK + 1], 'teacher.logs'),
});
