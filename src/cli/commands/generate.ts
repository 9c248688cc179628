/** `distillm generate`: answers prompts token by token. */
import {
  DataError,
  encodePrompt,
  type LanguageModel,
  loadModel,
  OptionError,
  type PromptTemplateName,
  type StreamingDecoder,
  streamTokens,
  type Tokenizer,
} from '../../index.js';
import { defineCommand } from '../command.js';
import { deviceOptions, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { answerLength, dtypeOption, openModelFolder, tokenizerOf } from '../models.js';
import { count, countOrZero, flag, given, optional, required, text, type Values, withDefault } from '../options.js';
import { samplingOf, samplingOptions } from '../sampling.js';
import { chooseTemplate, templateOption } from '../template.js';
import { shownOn, type Terminal } from '../terminal.js';

const promptOptions = {
  model: required('<folder>', text, 'Hugging Face folder'),
  dtype: dtypeOption,
  tokenizer: optional('<folder>', text, "folder of the tokenizer (default: the model's)"),
  template: templateOption,
  input: optional('<text>', text, 'further context for the template'),
  raw: flag('no template: continues the prompt as it stands'),
  maxNewTokens: optional('<tokens>', count, 'longest answer (default: 256, or what the model has room for)'),
  seed: withDefault('<number>', countOrZero, 'decides what is drawn', 0),
};

export const generateText = defineCommand({
  name: 'generate',
  summary: 'answers prompts, token by token',
  description:
    'Answers each prompt and writes the text to stdout as it is drawn. Without a prompt, all of stdin is one. The ' +
    'prompt is put into the template that the model was trained with, unless --raw.',
  example: [
    "distillm generate --model runs/dolly/best 'Name three uses of a paper clip.'",
    'echo Once upon a time | distillm generate --model ./gpt2 --raw --greedy --max-new-tokens 50',
  ].join('\n'),
  words: '[prompts...]',
  options: { Prompt: promptOptions, Sampling: samplingOptions(), Device: deviceOptions },
  async run(options, terminal, words) {
    if (options.raw && options.input !== undefined) {
      throw new OptionError('--input goes into a template, which --raw leaves out. Give one of them.');
    }
    const checkpoint = await openModelFolder(options.model);
    const prompts = words.length > 0 ? words : [(await readAll(terminal.stdin)).trimEnd()];
    if (prompts.includes('')) throw new OptionError('a prompt is empty. Give one as an argument or on stdin.');
    return withDevice(options, terminal, async (device) => {
      const model = await loadModel(checkpoint, { device, ...given({ dtype: options.dtype }) });
      const tokenizer = await tokenizerOf(model, checkpoint, options.tokenizer);
      const template = options.raw ? undefined : await chooseTemplate(options.template, [checkpoint]);
      for (const prompt of prompts) {
        await answer(prompt, { model, tokenizer, template, options }, terminal);
        terminal.stdout.write('\n');
      }
      return exitCodes.done;
    });
  },
});

async function answer(
  prompt: string,
  setting: {
    model: LanguageModel;
    tokenizer: Tokenizer;
    /** None: the prompt is continued as it stands. */
    template: PromptTemplateName | undefined;
    options: Values<typeof promptOptions & ReturnType<typeof samplingOptions>>;
  },
  { stdout }: Terminal,
): Promise<void> {
  const { model, tokenizer, template, options } = setting;
  const { input = '', seed } = options;
  const ids =
    template === undefined
      ? tokenizer.encode(prompt)
      : encodePrompt({ instruction: prompt, input }, { tokenizer, template });
  const maxNewTokens = options.maxNewTokens ?? answerLength(model, ids.length);
  const decoder: StreamingDecoder = tokenizer.stream({ skipSpecialTokens: true });
  const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
  for await (const id of streamTokens(model, ids, {
    ...samplingOf(options),
    eosTokenId,
    vocabSize,
    maxNewTokens,
    seed,
  })) {
    stdout.write(shownOn(stdout, decoder.push(id)));
  }
  stdout.write(shownOn(stdout, decoder.end()));
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
