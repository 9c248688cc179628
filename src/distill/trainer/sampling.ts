/** Where a step's samples come from: the data, the student's fresh answers, or the replay buffer. */
import type { Sample } from '../../data/batch.js';
import { generate, generateMixed } from '../../generation/index.js';
import { randomSeed } from '../../random.js';
import type { BatchSource } from '../sgo/index.js';
import { byTeacher, teacherOf } from '../teachers.js';
import type { Plan } from './plan.js';
import { type RunState, withAnswers } from './runState.js';

/** What a step trains on, and how long the student answered for it. */
interface ChosenSamples {
  readonly samples: Sample[];
  readonly generationMs: number;
}

/**
 * The samples of a step: the data's own, fresh answers of the student (which the buffer keeps), or replayed ones. With
 * `pairs` the data's own stand before those of the student.
 */
export async function chooseSamples(
  plan: Plan,
  { replay, said }: RunState,
  data: Sample[],
  source: BatchSource,
  step: number,
): Promise<ChosenSamples> {
  if (source === 'data') return { samples: data, generationMs: 0 };
  const beside = plan.settings.pairs ? data : [];
  if (source === 'replay' && replay) {
    const replayed = replay.draw(data.length).map(({ label, ...sample }): Sample => {
      const teacher = label === undefined ? undefined : plan.teachers[label]?.name;
      return { ...sample, origin: 'student', ...(teacher !== undefined && { teacher }) };
    });
    return { samples: [...beside, ...replayed], generationMs: 0 };
  }
  const started = performance.now();
  const answered = await generateSamples(plan, data, step);
  const generationMs = performance.now() - started;
  for (const { ids, promptLength, teacher } of answered) {
    const label = plan.teachers.findIndex(({ name }) => name === teacher);
    replay?.push({ ids, promptLength, ...(teacher !== undefined && { label }) });
  }
  said.outputs = withAnswers(
    said.outputs,
    answered.map((sample) => answerOf(plan, sample)),
  );
  return { samples: [...beside, ...answered], generationMs };
}

const answerOf = ({ tokenizer }: Plan, { ids, promptLength }: Sample): string =>
  tokenizer?.decode(ids.subarray(promptLength), { skipSpecialTokens: true }) ?? '';

/**
 * The student's own answers to the prompts of `samples`, as training samples: prompt and answer as one run of ids, with
 * the EOS that the student ended it with, so that collation shifts and masks them as it does data and the student
 * learns to stop. With `generation.teacherShare` the teacher draws some of the tokens. An answer that the length limit cut has no EOS; an answer that is EOS alone is legal. Dropout is off.
 * Throws the signal's reason when it is aborted meanwhile.
 */
export async function generateSamples(plan: Plan, samples: readonly Sample[], step: number): Promise<Sample[]> {
  const { objective, teachers, tokenizer, signal } = plan;
  const { generation: { teacherShare = 0, ...generation } = {}, maxNewTokens, seed, batchSize } = plan.settings;
  const prompts = samples.map(({ ids, promptLength }) => ids.subarray(0, promptLength));
  const stepSeed = randomSeed(seed, 'generation', step);
  const options = {
    ...generation,
    maxNewTokens,
    batchSize,
    eosTokenId: tokenizer?.eosTokenIds,
    vocabSize: tokenizer?.vocabSize,
    ...(signal && { signal }),
  };
  const { student } = objective;
  const isMixed = teacherShare > 0 && teachers.length > 0;
  const answers: Int32Array[] = [];
  for (const indices of isMixed ? byTeacher(samples) : [[...samples.keys()]]) {
    const asked = indices.map((index) => prompts[index] as Int32Array);
    const how = { ...options, seeds: indices.map((index) => randomSeed(stepSeed, 'generation', index)) };
    const helper = isMixed && {
      model: teacherOf(teachers, samples[indices[0] as number] as Sample),
      share: teacherShare,
    };
    const given = helper ? await generateMixed(student, helper, asked, how) : await generate(student, asked, how);
    indices.forEach((index, at) => {
      answers[index] = given[at] as Int32Array;
    });
  }
  return samples.map(({ teacher }, index) => {
    const [prompt, ids] = [prompts[index] as Int32Array, answers[index] as Int32Array];
    const whole = new Int32Array(prompt.length + ids.length);
    whole.set(prompt);
    whole.set(ids, prompt.length);
    return { ids: whole, promptLength: prompt.length, origin: 'student', ...(teacher !== undefined && { teacher }) };
  });
}
