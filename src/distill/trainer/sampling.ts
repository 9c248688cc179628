/** Where a step's samples come from: the data, the student's fresh answers, or the replay buffer. */
import type { Sample } from '../../data/batch.js';
import { generate } from '../../generation/index.js';
import { randomSeed } from '../../random.js';
import type { BatchSource } from '../sgo/index.js';
import type { Plan } from './plan.js';
import { type RunState, withAnswers } from './runState.js';

/** The samples of a step: the data's own, fresh answers of the student (which the buffer keeps), or replayed ones. */
export async function chooseSamples(
  plan: Plan,
  { replay, said }: RunState,
  data: Sample[],
  source: BatchSource,
  step: number,
): Promise<Sample[]> {
  if (source === 'data') return data;
  if (source === 'replay' && replay)
    return replay.draw(data.length).map((sample) => ({ ...sample, origin: 'student' }));
  const samples = await generateSamples(plan, data, step);
  for (const sample of samples) replay?.push(sample);
  said.outputs = withAnswers(
    said.outputs,
    samples.map((sample) => answerOf(plan, sample)),
  );
  return samples;
}

const answerOf = ({ tokenizer }: Plan, { ids, promptLength }: Sample): string =>
  tokenizer?.decode(ids.subarray(promptLength), { skipSpecialTokens: true }) ?? '';

/**
 * The student's own answers to the prompts of `samples`, as training samples: prompt and answer as one run of ids, with
 * the EOS that the student ended it with, so that collation shifts and masks them as it does data and the student
 * learns to stop. An answer that the length limit cut has no EOS; an answer that is EOS alone is legal. Dropout is off.
 * Throws the signal's reason when it is aborted meanwhile.
 */
export async function generateSamples(plan: Plan, samples: readonly Sample[], step: number): Promise<Sample[]> {
  const { objective, tokenizer, signal } = plan;
  const { generation, maxNewTokens, seed, batchSize } = plan.settings;
  const prompts = samples.map(({ ids, promptLength }) => ids.subarray(0, promptLength));
  const stepSeed = randomSeed(seed, 'generation', step);
  const answers = await generate(objective.student, prompts, {
    ...generation,
    maxNewTokens,
    batchSize,
    eosTokenId: tokenizer?.eosTokenIds,
    vocabSize: tokenizer?.vocabSize,
    ...(signal && { signal }),
    seeds: samples.map((_, index) => randomSeed(stepSeed, 'generation', index)),
  });
  return answers.map((ids, index) => {
    const prompt = prompts[index]!;
    const whole = new Int32Array(prompt.length + ids.length);
    whole.set(prompt);
    whole.set(ids, prompt.length);
    return { ids: whole, promptLength: prompt.length, origin: 'student' };
  });
}
