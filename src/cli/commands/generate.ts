/** `distillm generate`: answers prompts, token by token on a terminal, side by side into a file. */
import { once } from 'node:events';
import {
  type ChatPrompt,
  DataError,
  encodePrompt,
  generateText,
  type LanguageModel,
  LimitError,
  loadModel,
  OptionError,
  type PromptTemplate,
  planGeneration,
  readPrompts,
  requireMemory,
  streamText,
  type TextAnswer,
  type Tokenizer,
} from '../../index.js';
import { ranges } from '../../settings/index.js';
import { defineCommand } from '../command.js';
import { recordNames, recordOptions, skipping } from '../data.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { counted, whole } from '../format.js';
import { tryInputs } from '../inputs.js';
import {
  answerLength,
  dtypeOption,
  openModelFolder,
  sizeModel,
  sourceWords,
  tokenizerOf,
  tokenizerWords,
} from '../models.js';
import {
  count,
  countOrZero,
  flag,
  flagOf,
  given,
  optional,
  required,
  text,
  typed,
  type Values,
  withDefault,
} from '../options.js';
import { progressLine } from '../progress.js';
import { exclusive, type Rule } from '../rules.js';
import { isGreedy, samplingOf, samplingOptions, samplingRules, seedAfter } from '../sampling.js';
import { chooseTemplate, templateOption } from '../template.js';
import { note, shownOn, type Terminal } from '../terminal.js';

const promptOptions = {
  model: required('<source>', text, sourceWords),
  dtype: dtypeOption,
  tokenizer: optional('<source>', text, `${tokenizerWords} (default: the model's)`),
  template: templateOption,
  prompts: optional(
    '<file>',
    text,
    'prompts from a file, one a line, or JSON lines with instruction (or prompt) and input (or context), with messages, or of the ' +
      'other formats that train takes; - is stdin',
  ),
  ...recordOptions,
  input: optional('<text>', text, 'further context for the template, of prompts that have none of their own'),
  raw: flag('no template: continues the prompt as it stands'),
  chat: flag(
    "the chat template of the model's tokenizer, as --template chat; the default for conversations, and where nothing says with " +
      'which the model was trained',
  ),
};

const answerOptions = {
  maxNewTokens: optional(
    '<tokens>',
    count,
    'longest answer (default: 256, or what the model has room for after the longest prompt)',
  ),
  samples: withDefault(
    '<number>',
    count,
    'answers to each prompt, drawn by --seed and the numbers after it (0 after 2^53 - 1)',
    1,
  ),
  seed: withDefault('<number>', countOrZero, 'decides what is drawn', 0),
  json: flag('a line of JSON for each answer: prompt, answer, tokens, finishReason (eos or length), seed'),
  batchSize: withDefault(
    '<number>',
    typed(ranges.integer(1, 2 ** 16)),
    'answers that are made side by side, where they are not streamed',
    8,
  ),
};

const rules: readonly Rule[] = [
  ({ raw, input }) =>
    raw === undefined || input === undefined
      ? undefined
      : '--input goes into a template, which --raw leaves out. Give one of them.',
  exclusive('raw', 'template', 'each says what prompts are put into'),
  exclusive('raw', 'chat', 'each says what prompts are put into'),
  exclusive('chat', 'template', 'each says what prompts are put into'),
  ({ prompts }, words) =>
    prompts === undefined || words.length === 0
      ? undefined
      : `--prompts ${prompts} and prompts among the words are both given. Give one of them.`,
  ({ prompts, ...given }) => {
    const name = Object.keys(recordOptions).find((each) => given[each] !== undefined);
    if (prompts !== undefined || name === undefined) return undefined;
    const flag = flagOf(name);
    return `${flag} is about the records of --prompts, which is not given. Give it, or leave ${flag} out.`;
  },
  (given) => {
    const { samples } = given;
    if (samples === undefined || samples === 1 || !isGreedy(given)) return undefined;
    const greedy = given.greedy ? '--greedy' : '--temperature 0';
    return `--samples ${samples} draws answers, and ${greedy} gives the same one each time. Leave one of them out.`;
  },
  ...samplingRules,
  ...deviceRules,
];

export const generateAnswers = defineCommand({
  name: 'generate',
  summary: 'answers prompts, token by token',
  description:
    'Answers each prompt and writes the text to stdout, on a terminal as it is drawn. Without a prompt, all of stdin is ' +
    'one. The prompt is put into the template that the model was trained with, unless --raw; where nothing says which, into ' +
    "the tokenizer's chat template, if it has one. A prompt that begins with a " +
    'dash goes after --. Of several answers each stands below a line with its number and its prompt; programs read --json.',
  example: [
    "distillm generate --model runs/dolly/best 'Name three uses of a paper clip.'",
    "distillm generate --model runs/dolly/best --greedy -- '- 3 + 5 = ?'",
    'distillm generate --model runs/dolly/best --prompts questions.txt --samples 3 --json',
    'echo Once upon a time | distillm generate --model ./gpt2 --raw --greedy --max-new-tokens 50',
  ].join('\n'),
  words: '[prompts...]',
  options: { Prompt: promptOptions, Answer: answerOptions, Sampling: samplingOptions(), Device: deviceOptions },
  rules,
  async run(options, terminal, words) {
    if (options.prompts !== undefined && options.prompts !== '-') tryInputs('--prompts', [options.prompts]);
    const checkpoint = await openModelFolder('--model', options.model, terminal);
    const prompts = await promptsOf(options, terminal, words);
    return withDevice(options, terminal, async (device) => {
      const held = given({ dtype: options.dtype });
      // No weight is read before it is known that all will fit.
      const sized = await sizeModel(checkpoint, { device, ...held });
      const tokenizer = await tokenizerOf(sized, checkpoint, options.tokenizer);
      const areChats = prompts.some((prompt) => 'messages' in prompt);
      const wanted = options.chat ? 'chat' : options.template;
      const say = (text: string) => note(terminal.stderr, text);
      const template = options.raw
        ? undefined
        : await chooseTemplate(wanted, [checkpoint], { tokenizer, areChats, prefersChat: true, say });
      const encoded = encodePrompts(prompts, tokenizer, template);
      const longest = encoded.reduce((most, { ids }) => Math.max(most, ids.length), 0);
      const maxNewTokens = options.maxNewTokens ?? answerLength(sized, longest);
      checkRoom(encoded, sized, maxNewTokens);
      const total = encoded.length * options.samples;
      const batchSize = isStreamed(total, options, terminal) ? 1 : Math.min(options.batchSize, total);
      requireMemory(await planGeneration(sized, { promptLength: longest, maxNewTokens, batchSize }));
      const model = await loadModel(checkpoint, { device, ...held });
      await answerAll(encoded, { model, tokenizer, options, maxNewTokens }, terminal);
      return exitCodes.done;
    });
  },
});

type GenerateOptions = Values<typeof promptOptions & typeof answerOptions & ReturnType<typeof samplingOptions>>;

type Prompt = { readonly instruction: string; readonly input: string; readonly prefix?: string } | ChatPrompt;

/** What is asked: of a conversation, last. */
const askedIn = (prompt: Prompt): string =>
  'messages' in prompt ? (prompt.messages.at(-1)?.content ?? '') : prompt.instruction;

/** The prompts in the order in which they are given. @throws OptionError for an empty one, and a context beside --raw */
async function promptsOf(
  options: GenerateOptions,
  { stdin, stderr }: Terminal,
  words: readonly string[],
): Promise<readonly Prompt[]> {
  const { prompts: file, input = '', raw } = options;
  if (file !== undefined) {
    const source = file === '-' ? { text: await readAll(stdin), name: 'stdin' } : file;
    const read = await readPrompts(source, {
      ...recordNames(options),
      skipInvalid: skipping(stderr, options.skipInvalid),
    });
    if (raw && read.some((prompt) => 'messages' in prompt)) {
      throw new OptionError(`--raw leaves the template out, into which the conversations of --prompts ${file} go.`);
    }
    if (raw && read.some((prompt) => 'input' in prompt && prompt.input !== '')) {
      throw new OptionError(
        `--raw leaves the template out, into which the inputs of --prompts ${file} go. Leave one out.`,
      );
    }
    return read.map((prompt) => ('messages' in prompt ? prompt : { ...prompt, input: prompt.input || input }));
  }
  if (words.length === 0 && stdin.isTTY)
    stderr.write('Type the prompt, and end it with Ctrl-D on a line of its own.\n');
  const prompts = words.length > 0 ? words : [(await readAll(stdin)).trimEnd()];
  if (prompts.includes('')) throw new OptionError('a prompt is empty. Give one as an argument or on stdin.');
  return prompts.map((instruction) => ({ instruction, input }));
}

/** A prompt as the model reads it. */
interface EncodedPrompt {
  readonly prompt: Prompt;
  readonly ids: Int32Array;
}

/** Without a template each prompt is continued as it stands. */
const encodePrompts = (
  prompts: readonly Prompt[],
  tokenizer: Tokenizer,
  template: PromptTemplate | undefined,
): EncodedPrompt[] =>
  prompts.map((prompt) => ({
    prompt,
    ids: template === undefined ? tokenizer.encode(askedIn(prompt)) : encodePrompt(prompt, { tokenizer, template }),
  }));

/** One answer that is wanted. */
interface Request extends EncodedPrompt {
  /** From 1. */
  readonly number: number;
  readonly seed: number;
}

/** In the order in which they are answered, one at a time: there may be more than memory holds. */
function* requestsOf(prompts: readonly EncodedPrompt[], { samples, seed }: GenerateOptions): Generator<Request> {
  let number = 1;
  for (const prompt of prompts) {
    for (let sample = 0; sample < samples; sample++)
      yield { ...prompt, number: number++, seed: seedAfter(seed, sample) };
  }
}

function* batchesOf<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** As they are drawn, for people. In a file, answers that are made side by side come sooner. */
const isStreamed = (answers: number, { json }: GenerateOptions, { stdout }: Terminal): boolean =>
  !json && (stdout.isTTY === true || answers === 1);

/** Answers in the order of the requests: as they are drawn for people, else side by side. */
async function answerAll(
  prompts: readonly EncodedPrompt[],
  {
    model,
    tokenizer,
    options,
    maxNewTokens,
  }: { model: LanguageModel; tokenizer: Tokenizer; options: GenerateOptions; maxNewTokens: number },
  terminal: Terminal,
): Promise<void> {
  const { stdout } = terminal;
  const how = { ...samplingOf(options), tokenizer, maxNewTokens };
  const total = prompts.length * options.samples;
  const put = (text: string) => written(stdout, shownOn(stdout, text));
  const requests = requestsOf(prompts, options);
  if (isStreamed(total, options, terminal)) {
    for (const request of requests) {
      await put(headingOf(request, total, options));
      for await (const { text } of streamText(model, [request.ids], { ...how, seeds: [request.seed] })) await put(text);
      await put('\n');
    }
    return;
  }
  // On a terminal the answers are progress enough.
  const line = total > options.batchSize && !stdout.isTTY ? progressLine(terminal) : undefined;
  for (const batch of batchesOf(requests, options.batchSize)) {
    const seeds = batch.map(({ seed }) => seed);
    const answers = await generateText(
      model,
      batch.map(({ ids }) => ids),
      { ...how, seeds },
    );
    for (const [index, request] of batch.entries()) {
      const answer = answers[index] as TextAnswer;
      await put(
        options.json
          ? `${JSON.stringify(recordOf(request, answer))}\n`
          : `${headingOf(request, total, options)}${answer.text}\n`,
      );
    }
    line?.update(`${whole(batch.at(-1)?.number ?? 0)}/${whole(total)} answers`);
  }
  line?.done();
}

/** Letters of a prompt that a heading has at most. */
const headingLetters = 60;

/** Of several answers: which one follows. They may have blank lines and look like prompts themselves. */
function headingOf({ prompt, number, seed }: Request, total: number, { samples }: GenerateOptions): string {
  if (total === 1) return '';
  const [first = '', ...more] = askedIn(prompt).trim().split('\n');
  const letters = Array.from(first);
  const isCut = letters.length > headingLetters || more.length > 0;
  const asked = letters.slice(0, headingLetters).join('') + (isCut ? ' ...' : '');
  const drawnBy = samples > 1 ? `, seed ${seed}` : '';
  return `${number > 1 ? '\n' : ''}[${whole(number)}/${whole(total)}${drawnBy}] ${asked}\n`;
}

/** Waits where a reader is slower than the answers come: they would pile up in memory. */
async function written(stdout: Terminal['stdout'], text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain');
}

/** @throws LimitError naming the first prompt, from 1, that is too long: answers of those before it would be lost work */
function checkRoom(prompts: readonly EncodedPrompt[], model: LanguageModel, maxNewTokens: number): void {
  for (const [index, { ids }] of prompts.entries()) {
    const room = model.room(ids.length);
    if (maxNewTokens <= room) continue;
    const prompt = `prompt ${index + 1} has ${counted(ids.length, 'token')}`;
    const positions = `the model has ${counted(model.maxPositions, 'position')}`;
    if (room < 1) {
      throw new LimitError(`${prompt}, with its template, and ${positions} for it and its answer. Cut the prompt.`, {
        found: ids.length,
        expected: model.maxPositions,
      });
    }
    throw new LimitError(
      `${prompt} and leaves ${whole(room)} for the answer, --max-new-tokens is ${maxNewTokens}; ${positions}. Cut the prompt, ` +
        'or lower --max-new-tokens.',
      { found: maxNewTokens, expected: room },
    );
  }
}

/** What `--json` prints of an answer. `tokens` counts the end token. */
function recordOf({ prompt, seed }: Request, { text, ids, finishReason }: TextAnswer) {
  const asked =
    'messages' in prompt ? prompt : { prompt: prompt.instruction, ...(prompt.input && { input: prompt.input }) };
  return { ...asked, answer: text, tokens: ids.length, finishReason, seed };
}

/** @throws DataError for a prompt that is not UTF-8: the model would read other characters */
async function readAll(stdin: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let content = '';
  try {
    for await (const chunk of stdin)
      content += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    return content + decoder.decode();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const line = content.split('\n').length;
    throw new DataError(`the prompt on stdin is not UTF-8, in line ${line} or after it. Convert it to UTF-8.`, {
      cause,
    });
  }
}
