/** How models of the demo are scored. */
import { type Example, generate, type LanguageModel, meanRougeL, type Tokenizer } from 'distillm';
import { maxNewTokens } from './setup.ts';

export interface Score {
  /** Mean ROUGE-L F over the held-out pairs, 0 to 100: one greedy answer each. */
  readonly greedy: number;
  /** The same with answers sampled at temperature 1, as the paper evaluates. */
  readonly sampled: number;
  readonly answers: readonly string[];
}

/** ROUGE-L of a model's answers to held-out prompts. */
export async function evaluate(
  model: LanguageModel,
  examples: readonly Example[],
  tokenizer: Tokenizer,
): Promise<Score> {
  const greedy = await answer(model, examples, tokenizer, 0);
  const sampled = await answer(model, examples, tokenizer, 1);
  return { greedy: score(greedy, examples), sampled: score(sampled, examples), answers: greedy };
}

async function answer(
  model: LanguageModel,
  examples: readonly Example[],
  tokenizer: Tokenizer,
  temperature: number,
): Promise<string[]> {
  const answers = await generate(
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
  return answers.map((ids) => tokenizer.decode(ids, { skipSpecialTokens: true }));
}

const score = (answers: readonly string[], examples: readonly Example[]): number =>
  meanRougeL(
    answers,
    examples.map(({ references }) => references),
  );
