/** How models of the demo are scored. */
import { type Example, generateBatches, type LanguageModel, meanRougeL, type Tokenizer } from 'distillm';
import { maxNewTokens } from './setup.ts';

export interface Score {
  /** Mean ROUGE-L F over the held-out pairs, 0 to 100: one greedy answer each. */
  readonly greedy: number;
  /** The same with answers sampled at temperature 1, as the paper evaluates. */
  readonly sampled: number;
  /** The greedy ones. */
  readonly answers: readonly string[];
}

/**
 * ROUGE-L of a model's answers to held-out prompts.
 * @param progress gets the share that is done, 0 to 1
 */
export async function evaluate(
  model: LanguageModel,
  examples: readonly Example[],
  tokenizer: Tokenizer,
  progress: (share: number) => void = () => {},
): Promise<Score> {
  const greedy = await answer(model, examples, tokenizer, 0, (share) => progress(share / 2));
  const sampled = await answer(model, examples, tokenizer, 1, (share) => progress(0.5 + share / 2));
  return { greedy: score(greedy, examples), sampled: score(sampled, examples), answers: greedy };
}

async function answer(
  model: LanguageModel,
  examples: readonly Example[],
  tokenizer: Tokenizer,
  temperature: number,
  progress: (share: number) => void,
): Promise<string[]> {
  const batches = generateBatches(
    model,
    examples.map(({ ids, promptLength }) => ids.subarray(0, promptLength)),
    {
      maxNewTokens,
      temperature,
      batchSize: 100,
      eosTokenId: tokenizer.eosTokenIds,
      vocabSize: tokenizer.vocabSize,
      seeds: examples.map((_, i) => 10 + i),
    },
  );
  const answers: string[] = [];
  for await (const batch of batches) {
    answers.push(...batch.map((ids) => tokenizer.decode(ids, { skipSpecialTokens: true })));
    progress(answers.length / examples.length);
  }
  return answers;
}

/** 0 to 100. */
export const score = (answers: readonly string[], examples: readonly Example[]): number =>
  meanRougeL(
    answers,
    examples.map(({ references }) => references),
  );
