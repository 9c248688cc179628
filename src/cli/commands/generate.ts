import {
  type LanguageModel,
  loadModel,
  OptionError,
  promptTemplates,
  type StreamingDecoder,
  streamTokens,
  type Tokenizer,
} from '../../index.js';
import { breathe } from '../breathe.js';
import { defineCommand } from '../command.js';
import { deviceOptions, openChosenDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { findTokenizer } from '../models.js';
import {
  anyText,
  choice,
  count,
  countOrZero,
  given,
  optional,
  required,
  text,
  type Values,
  withDefault,
} from '../options.js';
import { samplingOf, samplingOptions } from '../sampling.js';
import type { Terminal } from '../terminal.js';

const promptOptions = {
  model: required('<folder>', text, 'Hugging Face folder'),
  tokenizer: optional('<folder>', text, "folder of the tokenizer (default: the model's)"),
  template: withDefault(
    '<name>',
    choice(['none', 'alpaca', 'compact']),
    'what the prompt is put into: none, alpaca (as train does), compact',
    'none',
  ),
  input: withDefault('<text>', anyText, 'further context for the template', ''),
  maxNewTokens: optional('<tokens>', count, 'longest answer (default: 256, or what the model has room for)'),
  seed: withDefault('<number>', countOrZero, 'decides what is drawn', 0),
};

export const generateText = defineCommand({
  name: 'generate',
  summary: 'continues prompts, token by token',
  description:
    'Continues each prompt and writes the text to stdout as it is drawn. Without a prompt, all of stdin is one.',
  example: [
    "distillm generate --model runs/dolly/best --template alpaca 'Name three uses of a paper clip.'",
    'cat prompt.txt | distillm generate --model ./gpt2 --temperature 0 --max-new-tokens 50',
  ].join('\n'),
  words: '[prompts...]',
  options: { Prompt: promptOptions, Sampling: samplingOptions, Device: deviceOptions },
  async run(options, terminal, words) {
    const prompts = words.length > 0 ? words : [await readAll(terminal.stdin)];
    const device = await openChosenDevice(options);
    try {
      const model = await loadModel(options.model, { device });
      const tokenizer = await findTokenizer([options.tokenizer, options.model]);
      for (const prompt of prompts) {
        await answer(prompt, { model, tokenizer, options }, terminal);
        terminal.stdout.write('\n');
      }
      return exitCodes.done;
    } finally {
      await device.dispose();
    }
  },
});

async function answer(
  prompt: string,
  setting: {
    model: LanguageModel;
    tokenizer: Tokenizer;
    options: Values<typeof promptOptions & typeof samplingOptions>;
  },
  { stdout }: Terminal,
): Promise<void> {
  const { model, tokenizer, options } = setting;
  const { template, input, seed } = options;
  if (template === 'none' && input !== '')
    throw new OptionError('--input goes into a template: add --template alpaca.');
  const whole = template === 'none' ? prompt : promptTemplates[template].render({ instruction: prompt, input });
  const ids = tokenizer.encode(whole);
  const maxNewTokens = options.maxNewTokens ?? Math.max(1, Math.min(256, model.maxPositions - ids.length));
  const decoder: StreamingDecoder = tokenizer.stream({ skipSpecialTokens: true });
  const { eosTokenId } = tokenizer;
  for await (const id of streamTokens(model, ids, {
    ...samplingOf(options),
    ...given({ eosTokenId }),
    maxNewTokens,
    seed,
  })) {
    stdout.write(decoder.push(id));
    await breathe();
  }
  stdout.write(decoder.end());
}

async function readAll(stdin: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let content = '';
  for await (const chunk of stdin)
    content += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
  return content + decoder.decode();
}
