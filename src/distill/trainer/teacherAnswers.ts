/**
 * Answers of the teacher in place of the data's (sequence-level distillation): before the first step it answers every
 * prompt once. The answers of a run with a folder are kept there in parts, so that neither a run that was stopped
 * meanwhile nor one that is resumed asks again. They follow from the settings and the prompts alone: without the parts
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
 * @param folder of the run, where it has one; @param step from which the run goes on
 * @throws the signal's reason when it is aborted meanwhile
 */
export async function* trainingSamples(
  plan: Plan,
  { folder, step }: { readonly folder: FileStore | undefined; readonly step: number },
): AsyncGenerator<AnswersEvent, readonly Sample[], undefined> {
  const { train, settings, teacher } = plan;
  if (settings.answers !== 'teacher' || !teacher) return train;
  const started = performance.now();
  const parts = folder && { store: folder.folder(folderName), key: await keyOf(plan) };
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
    const kept = parts && (await readPart(parts, name, samples.length));
    const answers: number[][] = kept ?? [];
    if (!kept) {
      if (first === 0) yield told(0, false);
      for await (const batch of answerBatches(plan, samples, first)) {
        answers.push(...batch);
        // Those of the last batch are told of once the part is written.
        if (answers.length < samples.length) yield told(first + answers.length, false);
      }
      if (parts) await writePart(parts, name, answers);
    }
    samples.forEach((sample, index) => {
      answered.push(withAnswer(sample, answers[index] as readonly number[]));
    });
    yield told(answered.length, kept !== undefined);
  }
  return answered;
}

/** The answers of the teacher to the prompts of some samples, of which the first is sample `first` of all. */
async function* answerBatches(plan: Plan, samples: readonly Sample[], first: number): AsyncGenerator<number[][]> {
  const { teacher, tokenizer, signal, settings } = plan;
  const { generation: { teacherShare: _, ...generation } = {}, maxNewTokens, seed, batchSize } = settings;
  const prompts = samples.map(({ ids, promptLength }) => ids.subarray(0, promptLength));
  const batches = generateBatches(teacher as NonNullable<typeof teacher>, prompts, {
    ...generation,
    ...{ maxNewTokens, batchSize, eosTokenId: tokenizer?.eosTokenIds, vocabSize: tokenizer?.vocabSize },
    ...(signal && { signal }),
    seeds: samples.map((_, index) => randomSeed(seed, 'teacherAnswers', first + index)),
  });
  for await (const answers of batches) yield answers.map((ids) => [...ids]);
}

/** What belongs to the answer of the data goes with it; a key names the sample and stays. */
const withAnswer = ({ ids, promptLength, key }: Sample, answer: readonly number[]): Sample => ({
  ids: Int32Array.of(...ids.subarray(0, promptLength), ...answer),
  promptLength,
  origin: 'teacher',
  ...(key !== undefined && { key }),
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
async function keyOf({ settings, teacher, tokenizer }: Plan): Promise<string> {
  const { generation, maxNewTokens, seed, batchSize, arithmetic, dataDigest } = settings;
  const hash = createSha256();
  const facts = {
    ...{ generation, maxNewTokens, seed, batchSize, arithmetic, data: dataDigest.train },
    ...{ ends: tokenizer?.eosTokenIds, vocabSize: tokenizer?.vocabSize },
    teacher: teacher && (await weightsDigest(teacher)),
  };
  hash.update(new TextEncoder().encode(JSON.stringify(facts)));
  return hash.digest();
}
