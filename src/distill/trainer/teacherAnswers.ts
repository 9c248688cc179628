/**
 * Answers of the teacher in place of the data's (sequence-level distillation): before the first step it answers every
 * prompt once, of several each the prompts of its own samples. The answers are kept in parts, in the folder of the run or in
 * memory, so that a run does not ask again that was stopped meanwhile, is resumed, or has lost its device. They follow from the settings and the prompts alone: without the parts
 * the teacher would give the same once more.
 */

import * as z from 'zod';
import { createSha256 } from '#platform';
import type { Sample } from '../../data/batch.js';
import { generateBatches } from '../../generation/index.js';
import type { FileStore } from '../../io/fileStore.js';
import { readJson } from '../../io/json.js';
import { randomSeed } from '../../random.js';
import { ranges, tryParse } from '../../settings/index.js';
import { byTeacher, teacherOf } from '../teachers.js';
import type { AnswersEvent } from './events.js';
import type { Plan } from './plan.js';
import { passingReason } from './waiting.js';
import { weightsDigest } from './weightsDigest.js';

/** Answers that are kept together, about. */
const aPart = 64;
const folderName = 'teacher-answers';

/** What a part holds: ids of the answers, and the digest of all that they follow from. */
const storedPart = z.object({ key: ranges.text, answers: z.array(z.array(ranges.countOrZero)) });

/**
 * The samples that a run trains on: the plan's own, or the same prompts with answers of the teacher.
 * @param folder that keeps the answers; @param step from which the run goes on
 * @throws the signal's reason when it is aborted meanwhile
 */
export async function* trainingSamples(
  plan: Plan,
  { folder, step }: { readonly folder: FileStore; readonly step: number },
): AsyncGenerator<AnswersEvent, readonly Sample[], undefined> {
  const { train, settings, teachers } = plan;
  if (settings.answers !== 'teacher' || teachers.length === 0) return train;
  const started = performance.now();
  const parts = { store: folder.folder(folderName), key: await keyOf(plan) };
  // Whole batches, so that each answer has the same neighbours however often the run was stopped.
  const size = Math.ceil(aPart / settings.batchSize) * settings.batchSize;
  const answered: Sample[] = [];
  const told = (count: number, kept: boolean): AnswersEvent => ({
    ...{ type: 'answers', step, answered: count, total: train.length, kept },
    ms: performance.now() - started,
  });
  for (let first = 0; first < train.length; first += size) {
    const samples = train.slice(first, first + size);
    const name = `part-${String(first).padStart(6, '0')}.json`;
    const kept = await readPart(parts, name, samples.length);
    const answers: number[][] = kept ?? [];
    if (!kept) {
      if (first === 0) yield told(0, false);
      let count = 0;
      for await (const batch of answerBatches(plan, samples, first)) {
        for (const { index, ids } of batch) answers[index] = ids;
        count += batch.length;
        // Those of the last batch are told of once the part is written.
        if (count < samples.length) yield told(first + count, false);
      }
      await writePart(parts, name, answers);
    }
    samples.forEach((sample, index) => {
      answered.push(withAnswer(sample, answers[index] as readonly number[]));
    });
    yield told(answered.length, kept !== undefined);
  }
  return answered;
}

/** An answer, and the place of its sample among those that were asked. */
interface Placed {
  readonly index: number;
  readonly ids: number[];
}

/** The answers of the teachers to the prompts of some samples, of which the first is sample `first` of all. */
async function* answerBatches(plan: Plan, samples: readonly Sample[], first: number): AsyncGenerator<Placed[]> {
  const { teachers, tokenizer, signal, settings } = plan;
  const { generation: { teacherShare: _, ...generation } = {}, maxNewTokens, seed, batchSize } = settings;
  for (const indices of byTeacher(samples)) {
    const asked = indices.map((index) => samples[index] as Sample);
    const prompts = asked.map(({ ids, promptLength }) => ids.subarray(0, promptLength));
    const batches = generateBatches(teacherOf(teachers, asked[0] as Sample), prompts, {
      ...generation,
      ...{ maxNewTokens, batchSize, eosTokenId: tokenizer?.eosTokenIds, vocabSize: tokenizer?.vocabSize },
      ...(signal && { signal }),
      seeds: indices.map((index) => randomSeed(seed, 'teacherAnswers', first + index)),
    });
    let done = 0;
    for await (const answers of batches) {
      yield answers.map((ids) => ({ index: indices[done++] as number, ids: [...ids] }));
    }
  }
}

/** What belongs to the answer of the data goes with it; a key and a teacher are the sample's and stay. */
const withAnswer = ({ ids, promptLength, key, teacher }: Sample, answer: readonly number[]): Sample => ({
  ids: Int32Array.of(...ids.subarray(0, promptLength), ...answer),
  promptLength,
  origin: 'teacher',
  ...(key !== undefined && { key }),
  ...(teacher !== undefined && { teacher }),
});

interface Parts {
  readonly store: FileStore;
  readonly key: string;
}

/** undefined where there is none, or one of other prompts, of another teacher or of other settings. */
async function readPart({ store, key }: Parts, name: string, count: number): Promise<number[][] | undefined> {
  const read = await readJson(store, name).catch(() => undefined);
  const part = tryParse(storedPart, read);
  return 'value' in part && part.value.key === key && part.value.answers.length === count
    ? part.value.answers
    : undefined;
}

/** A part only spares work, so a disk without room for it does not hold up the run. @throws CheckpointError for other failures */
async function writePart({ store, key }: Parts, name: string, answers: readonly (readonly number[])[]): Promise<void> {
  const text = JSON.stringify({ key, answers });
  try {
    await store.write(name, [new TextEncoder().encode(text)]);
  } catch (error) {
    if (passingReason(error) === undefined) throw error;
  }
}

/** Digest of all that the answers follow from. */
async function keyOf({ settings, teachers, tokenizer }: Plan): Promise<string> {
  const { generation, maxNewTokens, seed, batchSize, arithmetic, dataDigest } = settings;
  const hash = createSha256();
  const digests: string[] = [];
  for (const { model } of teachers) digests.push(await weightsDigest(model));
  const facts = {
    ...{ generation, maxNewTokens, seed, batchSize, arithmetic, data: dataDigest.train },
    ...{ ends: tokenizer?.eosTokenIds, vocabSize: tokenizer?.vocabSize },
    teachers: digests,
  };
  hash.update(new TextEncoder().encode(JSON.stringify(facts)));
  return hash.digest();
}
