import { generate } from '../../generation/index.js';
import { rougeL } from '../../metrics/index.js';
import type { Tokenizer } from '../../text/index.js';
import { chunks } from './batches.js';
import type { ValidationExample } from './events.js';
import type { ValidationSample } from './options.js';
import type { Plan } from './plan.js';
import { randomSeed } from './random.js';

/** The student's answers to the first validation prompts, scored by ROUGE-L. Seeds are the same at each validation. */
export async function answerValidation(plan: Plan, tokenizer: Tokenizer): Promise<ValidationExample[]> {
  const { rougeL: wanted, maxNewTokens, seed, batchSize, validation, objective } = plan;
  const examples: ValidationExample[] = [];
  for (const samples of chunks(validation.slice(0, wanted.samples), batchSize)) {
    const prompts = samples.map(promptOf);
    const answers = await generate(objective.student, prompts, {
      maxNewTokens,
      temperature: wanted.temperature,
      eosTokenId: tokenizer.eosTokenId,
      seeds: samples.map((_, row) => randomSeed(seed, 'validation', examples.length + row)),
    });
    answers.forEach((ids, row) => {
      const answer = tokenizer.decode(ids, { skipSpecialTokens: true });
      const { references: given = [] } = samples[row]!;
      const references = given.length > 0 ? given : [responseOf(samples[row]!, tokenizer)];
      examples.push({
        prompt: tokenizer.decode(prompts[row]!),
        answer,
        references,
        rougeL: 100 * rougeL(answer, references),
      });
    });
  }
  return examples;
}

const promptOf = ({ ids, promptLength }: ValidationSample) => ids.subarray(0, promptLength);
const responseOf = ({ ids, promptLength }: ValidationSample, tokenizer: Tokenizer) =>
  tokenizer.decode(ids.subarray(promptLength), { skipSpecialTokens: true });
