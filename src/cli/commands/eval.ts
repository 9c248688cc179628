/** `distillm eval`: answers the prompts of a file and scores the answers, once for each seed. */
import { closeSync, openSync, writeSync } from 'node:fs';
import {
  type Example,
  exactMatch,
  generateBatches,
  hasRougeWords,
  type LanguageModel,
  loadModel,
  meanRougeL,
  planGeneration,
  readInstructions,
  recordKind,
  requireMemory,
  rougeL,
  type SamplerOptions,
  type Tokenizer,
} from '../../index.js';
import { randomSeed } from '../../random.js';
import { samplerSettings } from '../../text/sampler.js';
import { defineCommand } from '../command.js';
import { recordOptions, skipping } from '../data.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { counted, countedOf, duration, whole } from '../format.js';
import { tryInputs } from '../inputs.js';
import {
  answerLength,
  dtypeOption,
  lengthLimits,
  openModelFolder,
  sizeModel,
  sourceWords,
  tokenizerOf,
  tokenizerWords,
} from '../models.js';
import { count, distinctCounts, given, listed, optional, required, text, withDefault } from '../options.js';
import { answersFile, tryApart, tryFile, writing } from '../outputs.js';
import { type ProgressLine, progressLine } from '../progress.js';
import { samplingOf, samplingOptions, samplingRules } from '../sampling.js';
import { chooseTemplate, templateOption } from '../template.js';
import { noted } from '../terminal.js';

const evaluationOptions = {
  model: required('<source>', text, sourceWords),
  dtype: dtypeOption,
  tokenizer: optional('<source>', text, `${tokenizerWords} (default: the model's)`),
  data: required('<file...>', listed, 'records with the reference answers, as train takes them'),
  ...recordOptions,
  template: templateOption,
  limit: optional('<records>', count, 'only so many records, from the start (default: all)'),
  seeds: withDefault('<list>', distinctCounts, 'one answer to each prompt for each seed', [10, 20, 30, 40, 50]),
  maxPromptLength: optional('<tokens>', count, 'longer prompts are cut inside the input or instruction (default: 256)'),
  maxNewTokens: optional('<tokens>', count, 'longest answer (default: 256, or what the model has room for)'),
  batchSize: withDefault('<number>', count, 'prompts that are answered side by side', 32),
  answers: optional('<file>', text, 'JSONL of all answers with their references and scores'),
};

export const evaluate = defineCommand({
  name: 'eval',
  summary: 'scores the answers of a model by ROUGE-L',
  description:
    'Answers every prompt of a data file, and prints ROUGE-L (stems, best reference, 0 to 100) and exact matches as one ' +
    'line of JSON: the mean over the seeds, and each. ROUGE-L knows words of a to z and digits only: in other scripts ' +
    'look at exact matches. The defaults are the ' +
    "paper's: seeds 10 to 50, temperature 1, no six tokens twice. --greedy gives one answer whatever the seed, so one is run.",
  example: 'distillm eval --model runs/dolly/best --data dolly-valid.jsonl --answers answers.jsonl',
  options: {
    Evaluation: evaluationOptions,
    Sampling: samplingOptions({ noRepeatNgramSize: '6' }),
    Device: deviceOptions,
  },
  rules: [...samplingRules, ...deviceRules],
  async run(options, terminal) {
    tryApart({ '--answers': options.answers, '--profile': options.profile });
    if (options.answers !== undefined) tryFile('--answers', options.answers, answersFile, options.data);
    tryInputs('--data', options.data);
    const checkpoint = await openModelFolder('--model', options.model, terminal);
    const line = progressLine(terminal);
    return withDevice(options, terminal, async (device) => {
      line.print(`Device: ${device.info.description}`);
      const held = given({ dtype: options.dtype });
      // No weight is read before it is known that all will fit.
      const sized = await sizeModel(checkpoint, { device, ...held });
      const tokenizer = await tokenizerOf(sized, checkpoint, options.tokenizer);
      const { maxPromptLength } = lengthLimits({ ...options, maxLength: undefined }, [sized]);
      const { limit } = options;
      const areChats = (await recordKind(options.data, { fields: options.fields })) === 'conversation';
      const template = await chooseTemplate(options.template, [checkpoint], {
        ...{ tokenizer, areChats, prefersChat: true },
        say: (text) => line.print(noted(text)),
      });
      const sampling = samplerSettings({ noRepeatNgramSize: 6, ...samplingOf(options) });
      // The references may be of any length: only the prompts are fed to the model.
      const data = await readInstructions(options.data, {
        tokenizer,
        template,
        maxPromptLength,
        maxLength: Number.MAX_SAFE_INTEGER,
        fields: options.fields,
        skipInvalid: skipping(terminal.stderr, options.skipInvalid),
      });
      const examples = data.train.slice(0, limit);
      const isAnswered = ({ references }: Example) => references.some((text) => text.trim() !== '');
      const unanswered = examples.filter((example) => !isAnswered(example)).length;
      if (unanswered > 0) {
        line.print(
          noted(
            `${countedOf(unanswered, examples.length, 'record', 'have')} an empty reference: only an empty answer matches it, and ` +
              'ROUGE-L is 0 there.',
          ),
        );
      }
      const unknown = examples.filter((each) => isAnswered(each) && !each.references.some(hasRougeWords)).length;
      if (unknown > 0) {
        line.print(
          noted(
            `${countedOf(unknown, examples.length, 'record', 'have')} no reference with a word of a to z or digits, all that ROUGE-L ` +
              'knows: it is 0 there whatever the answer. Exact matches count in every script.',
          ),
        );
      }
      const longest = Math.max(...examples.map(({ promptLength }) => promptLength));
      const maxNewTokens = options.maxNewTokens ?? answerLength(sized, longest);
      const batchSize = Math.min(options.batchSize, examples.length);
      requireMemory(await planGeneration(sized, { promptLength: longest, maxNewTokens, batchSize }));
      const model = await loadModel(checkpoint, { device, ...held });
      const seeds = sampling.temperature === 0 ? options.seeds.slice(0, 1) : options.seeds;
      const file = options.answers === undefined ? undefined : openSync(options.answers, 'w');
      const started = performance.now();
      const scores: SeedScore[] = [];
      try {
        for (const seed of seeds) {
          const how = {
            ...{ ...sampling, maxNewTokens, batchSize: options.batchSize, seed, line },
            ...given({ signal: terminal.signal }),
          };
          const answers = await answerAll(model, tokenizer, examples, how);
          scores.push(score(seed, answers, examples));
          if (file !== undefined) {
            writing('--answers', options.answers ?? '', () => writeSync(file, answerLines(seed, answers, examples)));
          }
        }
      } finally {
        if (file !== undefined) closeSync(file);
      }
      const result = {
        model: options.model,
        data: options.data.length === 1 ? options.data[0] : options.data,
        examples: examples.length,
        promptsCut: data.cut.prompts,
        rougeL: meanOf(scores, 'rougeL'),
        exactMatch: meanOf(scores, 'exactMatch'),
        seeds: scores,
        settings: { ...sampling, maxNewTokens, maxPromptLength, template: template.name },
      };
      line.done();
      const empty = scores.reduce((sum, each) => sum + each.emptyAnswers, 0);
      if (empty === scores.length * examples.length) {
        line.print(
          noted(
            `of ${counted(empty, 'answer')} none has a word: the model ends each at once. Check that it was trained on answers, and ` +
              'with this template.',
          ),
        );
      }
      line.print(
        `ROUGE-L ${result.rougeL.toFixed(2)} (${scores.map((each) => each.rougeL.toFixed(2)).join(', ')}), ` +
          `exact matches ${result.exactMatch.toFixed(1)}%, in ${duration(performance.now() - started)}`,
      );
      terminal.stdout.write(`${JSON.stringify(result)}\n`);
      return exitCodes.done;
    });
  },
});

interface SeedScore {
  readonly seed: number;
  /** 0 to 100, as the next. */
  readonly rougeL: number;
  readonly exactMatch: number;
  /** How many have nothing but white space. */
  readonly emptyAnswers: number;
}

const meanOf = (scores: readonly SeedScore[], metric: 'rougeL' | 'exactMatch') =>
  scores.reduce((total, each) => total + each[metric], 0) / scores.length;

function score(seed: number, answers: readonly string[], examples: readonly Example[]): SeedScore {
  const references = examples.map((example) => example.references);
  const matches = answers.filter((answer, i) => exactMatch(answer, references[i] as string[])).length;
  return {
    seed,
    rougeL: meanRougeL(answers, references),
    exactMatch: (100 * matches) / answers.length,
    emptyAnswers: answers.filter((answer) => answer.trim() === '').length,
  };
}

function answerLines(seed: number, answers: readonly string[], examples: readonly Example[]): string {
  const lines = answers.map((answer, i) => {
    const { instruction, input, references } = examples[i] as Example;
    return JSON.stringify({ seed, instruction, input, answer, references, rougeL: rougeL(answer, references) });
  });
  return `${lines.join('\n')}\n`;
}

interface AnswerOptions extends SamplerOptions {
  readonly seed: number;
  readonly maxNewTokens: number;
  readonly batchSize: number;
  readonly line: ProgressLine;
  readonly signal?: AbortSignal;
}

/**
 * An answer to each example. Prompts of similar lengths share a batch; what is drawn depends on seed and index alone.
 */
async function answerAll(
  model: LanguageModel,
  tokenizer: Tokenizer,
  examples: readonly Example[],
  { seed, line, ...options }: AnswerOptions,
): Promise<string[]> {
  const order = [...examples.keys()].sort((a, b) => examples[a]!.promptLength - examples[b]!.promptLength);
  const answers = new Array<string>(examples.length);
  const started = performance.now();
  let tokens = 0;
  let done = 0;
  const prompts = order.map((index) => examples[index]!.ids.subarray(0, examples[index]!.promptLength));
  // The draws of a run's validation with this seed.
  const seeds = order.map((index) => randomSeed(seed, 'validation', index));
  const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
  for await (const batch of generateBatches(model, prompts, { ...options, eosTokenId, vocabSize, seeds })) {
    for (const ids of batch) {
      tokens += ids.length;
      answers[order[done++] as number] = tokenizer.decode(ids, { skipSpecialTokens: true });
    }
    const rate = (1000 * tokens) / (performance.now() - started);
    line.update(`seed ${seed}: ${whole(done)}/${whole(order.length)} answers, ${whole(rate)} new tokens/s`);
  }
  return answers;
}
