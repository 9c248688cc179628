/** `distillm chat`: a conversation with a model, line by line. */
import { type LanguageModel, loadModel, type PromptTemplate, streamText, type Tokenizer } from '../../index.js';
import { defineCommand } from '../command.js';
import { Conversation, encoderOf } from '../conversation.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { counted, whole } from '../format.js';
import {
  answerLength,
  dtypeOption,
  longestConversation,
  openModelFolder,
  sizeModel,
  sourceWords,
  tokenizerOf,
  tokenizerWords,
} from '../models.js';
import { count, countOrZero, given, optional, required, text, type Values, withDefault } from '../options.js';
import { samplingOf, samplingOptions, samplingRules, seedAfter } from '../sampling.js';
import { chooseTemplate, templateOption } from '../template.js';
import { shownOn, type Terminal, wrapped } from '../terminal.js';

const chatOptions = {
  model: required('<source>', text, sourceWords),
  dtype: dtypeOption,
  tokenizer: optional('<source>', text, `${tokenizerWords} (default: the model's)`),
  template: templateOption,
  turns: optional(
    '<number>',
    countOrZero,
    'earlier turns that the model sees, each as in training; 0 for none (default: as many as it has room for)',
  ),
  maxNewTokens: optional('<tokens>', count, 'longest answer (default: 256, or what the model has room for)'),
  seed: withDefault('<number>', countOrZero, 'decides what is drawn; each answer takes the next number', 0),
};

export const chat = defineCommand({
  name: 'chat',
  summary: 'talks with a model, line by line',
  description:
    'Answers each line that is typed, or that comes through a pipe, as it is drawn. Lines are put into the template that ' +
    "the model was trained with, where nothing says it into the tokenizer's chat template; the turns before stand before " +
    'them. Ctrl-C stops an answer, a second one ends. /reset ' +
    'forgets the turns, /quit or Ctrl-D ends.',
  example: 'distillm chat --model runs/dolly/best --temperature 0.7',
  options: { Chat: chatOptions, Sampling: samplingOptions(), Device: deviceOptions },
  rules: [...samplingRules, ...deviceRules],
  async run(options, terminal) {
    const checkpoint = await openModelFolder('--model', options.model, terminal);
    return withDevice(options, terminal, async (device) => {
      const { stderr } = terminal;
      const held = given({ dtype: options.dtype });
      await sizeModel(checkpoint, { device, ...held });
      const model = await loadModel(checkpoint, { device, ...held });
      const tokenizer = await tokenizerOf(model, checkpoint, options.tokenizer);
      const template = await chooseTemplate(options.template, [checkpoint], { tokenizer, prefersChat: true });
      const say = (line: string) => stderr.write(`${wrapped(line, stderr)}\n`);
      say(
        `${options.model}, template ${template.name}. /reset forgets what was said, /quit ends, Ctrl-C stops an answer.`,
      );
      await converse({ model, tokenizer, template, options, say }, terminal);
      return exitCodes.done;
    });
  },
});

interface Setting {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
  readonly options: Values<typeof chatOptions & ReturnType<typeof samplingOptions>>;
  /** A line for people that is no answer. */
  readonly say: (line: string) => void;
}

async function converse(setting: Setting, terminal: Terminal): Promise<void> {
  const { options, say, template, tokenizer } = setting;
  const conversation = new Conversation(encoderOf(template, tokenizer), options.turns);
  for await (const line of terminal.lines('> ')) {
    const command = /^\/\w*$/.exec(line.trimEnd())?.[0];
    if (command === '/quit') return;
    if (command === '/reset') {
      say(`Forgotten: ${counted(conversation.length, 'turn')}.`);
      conversation.reset();
    } else if (command !== undefined) {
      say(`There is no command ${command}, only /reset and /quit. Put a space before a line that begins with a slash.`);
    } else if (line.trim() !== '') await answer(line.trim(), conversation, setting, terminal);
  }
}

/** Draws one answer, until it ends or Ctrl-C stops it. */
async function answer(
  question: string,
  conversation: Conversation,
  { model, tokenizer, options, say }: Setting,
  { stdout, onInterrupt }: Terminal,
): Promise<void> {
  const asked = conversation.alone(question);
  const maxNewTokens = options.maxNewTokens ?? answerLength(model, asked.length);
  if (model.room(asked.length) < maxNewTokens) {
    // A shorter line may do: the conversation goes on.
    say(
      `This line takes ${whole(asked.length)} of the model's ${counted(model.maxPositions, 'position')}, which leaves no room for an answer of ` +
        `${counted(maxNewTokens, 'token')}. Ask in fewer words${options.maxNewTokens === undefined ? '' : ', or lower --max-new-tokens'}.`,
    );
    return;
  }
  const most = longestConversation(model);
  const prompt = conversation.promptWith(question, (length) => length <= most && model.room(length) >= maxNewTokens);
  const stop = new AbortController();
  const release = onInterrupt(() => stop.abort(), ['SIGINT']);
  const said: number[] = [];
  let answered = '';
  const seeds = [seedAfter(options.seed, conversation.answers)];
  const how = { ...samplingOf(options), tokenizer, maxNewTokens, seeds, signal: stop.signal };
  try {
    for await (const { text, ids } of streamText(model, [prompt], how)) {
      said.push(...ids);
      answered += text;
      stdout.write(shownOn(stdout, text));
    }
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
  } finally {
    release();
  }
  stdout.write('\n');
  if (stop.signal.aborted) say('(stopped)');
  conversation.add({ question, answer: answered, ids: Int32Array.from(said) });
}
