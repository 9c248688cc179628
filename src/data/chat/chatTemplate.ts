/**
 * Chat templates: Jinja that turns the messages of a conversation into the text that a model was trained on, as the files
 * of a tokenizer have it. `{% generation %}` marks in it what the assistant says, for the loss.
 */
import * as z from 'zod';
import { DataError, OptionError } from '../../errors.js';
import { short } from '../../inWords.js';
import { checkOption, checkOptions, ranges } from '../../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../../text/index.js';
import type { PromptTemplate } from '../template.js';
import { compile, renderBounded, TemplateFault, TemplateRefusal } from './boundedInterpreter.js';
import { type ChatMessage, spoken } from './messages.js';
import { TemplateAtFault } from './templateAtFault.js';
import { unusedCharacters } from './unusedCharacters.js';

/** What a conversation was rendered to. */
export interface RenderedChat {
  /** The text. */
  readonly text: string;
  /**
   * Where in it are parts that `{% generation %}` marks as the assistant's, [start, end) in order; undefined for a
   * template that marks none.
   */
  readonly answers: readonly (readonly [start: number, end: number])[] | undefined;
}

/** A template for conversations. An instruction is to it a conversation of one message. */
export interface ChatTemplate extends PromptTemplate {
  /** Checkpoints remember it; the template itself is in the tokenizer's files. */
  readonly name: 'chat';
  /** The Jinja text. */
  readonly source: string;
  /**
   * The text of a conversation; with `addGenerationPrompt` up to where the assistant's next answer begins.
   * @throws DataError where the template refuses the messages, or takes too much time or memory
   */
  renderChat(messages: readonly ChatMessage[], options: { readonly addGenerationPrompt: boolean }): RenderedChat;
}

/** What is chosen among a tokenizer's templates. */
export interface ChatTemplateOptions {
  /** Of several templates ('tool_use', 'rag'), the one of this name. Default 'default'. */
  readonly name?: string;
}
const templateOptions = z.strictObject({ name: ranges.text.default('default') });

const tag = /\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}/g;

/**
 * The chat template of a tokenizer: chat_template.jinja, else chat_template of tokenizer_config.json. It is a program from
 * whoever made the files, and bounded: at most 128 KiB of Jinja, a million steps, ten seconds, and texts of 4 MiB. It
 * reaches nothing but the messages and the special tokens. `strftime_now` is always 26 July 2024.
 * @example
 * const template = createChatTemplate(tokenizer);
 * const data = await readInstructions('chats.jsonl', { tokenizer, template });
 * const question = { messages: [{ role: 'user', content: 'Name three colours.' }] } as const;
 * const [answer] = await generateText(model, [question], { tokenizer, template });
 * @throws OptionError for a tokenizer without one, or without one of that name; DataError for one that cannot be read
 */
export function createChatTemplate(tokenizer: Tokenizer, options: ChatTemplateOptions = {}): ChatTemplate {
  const where = 'createChatTemplate';
  checkOption(where, 'tokenizer', tokenizer, tokenizerOption);
  const { name } = checkOptions(where, templateOptions, options);
  const source = tokenizer.chatTemplates.get(name);
  if (source === undefined) throw noTemplate(name, tokenizer);
  const refuse = (error: unknown): never => {
    if (error instanceof TemplateRefusal) {
      throw new DataError(`the chat template does not take these messages: ${short(error.message)}`, { cause: error });
    }
    if (!(error instanceof TemplateFault)) throw error;
    throw new TemplateAtFault(`the chat template cannot be rendered: ${short(error.message)}. Take another one.`, {
      cause: error,
    });
  };
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      return refuse(error);
    }
  };
  // A tag becomes a block that says where it stands, so that white space around it is trimmed as Jinja trims it.
  const marked = source.replace(tag, (_, left: string, end: string | undefined, right: string) => {
    return `{%${left} if true %}{{ generation_${end ? 'end' : 'start'} }}{% endif ${right}%}`;
  });
  const marks = marked !== source;
  const compiled = attempt(() => compile(marked));
  const tokens = specialTokensOf(tokenizer);
  const renderChat: ChatTemplate['renderChat'] = (messages, { addGenerationPrompt }) => {
    const [start, end] = unusedCharacters(2, [source, ...messages.map(({ content }) => content)]);
    const text = attempt(() =>
      renderBounded(compiled, {
        ...tokens,
        messages: messages.map(({ role, content }) => ({ role, content })),
        ...{ add_generation_prompt: addGenerationPrompt, tools: null, documents: null },
        ...{ generation_start: start, generation_end: end },
      }),
    );
    return marks ? withoutMarks(text, start as string, end as string) : { text, answers: undefined };
  };
  return {
    name: 'chat',
    source,
    renderChat,
    render: (fields) => renderChat([{ role: 'user', content: spoken(fields) }], { addGenerationPrompt: true }).text,
  };
}

function noTemplate(name: string, { chatTemplates }: Tokenizer): OptionError {
  const names = [...chatTemplates.keys()];
  const found =
    names.length === 0 ? 'the tokenizer has no chat template' : `its chat templates are ${short(names.join(', '))}`;
  const advice =
    names.length === 0
      ? 'Add chat_template.jinja to its folder, or take a template by its name.'
      : `Give name, as in { name: '${short(names[0])}' }.`;
  return new OptionError(`createChatTemplate: ${found}, expected one called '${name}'. ${advice}`, {
    option: 'name',
    found: names,
    expected: name,
  });
}

/** The names by which templates know special tokens. */
function specialTokensOf(tokenizer: Tokenizer): Readonly<Record<string, string | undefined>> {
  const { bosTokenId, eosTokenId, padTokenId } = tokenizer;
  const ids = { bos_token: bosTokenId, eos_token: eosTokenId, pad_token: padTokenId };
  return Object.fromEntries(
    Object.entries(ids).flatMap(([name, id]) => (id === undefined ? [] : [[name, tokenizer.idToToken(id)] as const])),
  );
}

/** @throws DataError where parts begin in one another, or do not end */
function withoutMarks(marked: string, start: string, end: string): RenderedChat {
  let text = '';
  const answers: [number, number][] = [];
  let begun: number | undefined;
  for (const piece of marked.split(new RegExp(`([${start}${end}])`))) {
    if (piece !== start && piece !== end) text += piece;
    else if ((piece === start) === (begun !== undefined)) throw unpaired();
    else if (piece === start) begun = text.length;
    else {
      answers.push([begun as number, text.length]);
      begun = undefined;
    }
  }
  if (begun !== undefined) throw unpaired();
  return { text, answers };
}

const unpaired = () =>
  new TemplateAtFault(
    'the chat template cannot be rendered: {% generation %} and {% endgeneration %} do not come in pairs.',
  );
