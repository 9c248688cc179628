/**
 * Conversations as token ids. Special tokens that the template writes are special, those that are spelt out in a message
 * are text: nobody ends a turn by writing its end. All else has the ids of transformers' apply_chat_template.
 */
import type { EncodeOptions, Tokenizer } from '../../text/index.js';
import type { ChatTemplate, RenderedChat } from './chatTemplate.js';
import type { ChatMessage } from './messages.js';
import { unusedCharacters } from './unusedCharacters.js';

const asText: EncodeOptions = { addSpecialTokens: false, allowedSpecial: 'none' };
const asSpecial: EncodeOptions = { addSpecialTokens: false, allowedSpecial: 'all' };

/** Renders and encodes the messages of one conversation, or of parts of it. */
export interface ChatEncoder {
  /** The text has a mark inside of each special token that a message spells out; `encode` takes it with these. */
  render(messages: readonly ChatMessage[], options: { readonly addGenerationPrompt: boolean }): RenderedChat;
  /** Ids of a rendered text, or of a part of it. */
  encode(text: string): Int32Array;
  /** A rendered text as people read it. */
  plain(text: string): string;
}

/** @param messages all that are to be rendered */
export function chatEncoder(
  messages: readonly ChatMessage[],
  { tokenizer, template }: { readonly tokenizer: Tokenizer; readonly template: ChatTemplate },
): ChatEncoder {
  const spelt = speltSpecial(tokenizer);
  const isSpelt = spelt !== undefined && messages.some(({ content }) => content.search(spelt) >= 0);
  const [mark = ''] = isSpelt ? unusedCharacters(1, [template.source, ...messages.map(({ content }) => content)]) : [];
  const broken = (content: string) =>
    isSpelt ? content.replace(spelt, ([first = '', ...rest]) => `${first}${mark}${rest.join('')}`) : content;
  const plain = (text: string) => (mark === '' ? text : text.replaceAll(mark, ''));
  return {
    render: (some, options) =>
      template.renderChat(
        some.map(({ role, content }) => ({ role, content: broken(content) })),
        options,
      ),
    encode(text) {
      if (mark === '' || !text.includes(mark)) return tokenizer.encode(text, asSpecial);
      // The special tokens of the template are in the odd pieces. What stands between two of them is encoded together.
      const pieces = text.split(spelt as RegExp);
      const ids = pieces.flatMap((piece, at) => {
        if (piece === '') return [];
        const options = at % 2 === 1 || !piece.includes(mark) ? asSpecial : asText;
        return [...tokenizer.encode(plain(piece), options)];
      });
      return Int32Array.from(ids);
    },
    plain,
  };
}

const expressions = new WeakMap<Tokenizer, RegExp | undefined>();

/** Any special token of a tokenizer, the longest first; undefined where there is none. */
function speltSpecial(tokenizer: Tokenizer): RegExp | undefined {
  if (expressions.has(tokenizer)) return expressions.get(tokenizer);
  const tokens = [...tokenizer.specialTokenIds]
    .map((id) => tokenizer.idToToken(id) ?? '')
    // A mark goes inside, and there is no inside of one character.
    .filter(({ length }) => length > 1)
    .sort((a, b) => b.length - a.length)
    .map((token) => token.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = tokens.length === 0 ? undefined : new RegExp(`(${tokens.join('|')})`, 'g');
  expressions.set(tokenizer, expression);
  return expression;
}
