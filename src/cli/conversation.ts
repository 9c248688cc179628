/**
 * What was said so far. A chat template has a place for earlier turns; our own templates are of one turn, so that earlier
 * ones stand before the newest as examples of it, each with the ids that it had in training.
 */
import { type ChatMessage, type ChatTemplate, encodePrompt, type PromptTemplate, type Tokenizer } from '../index.js';

/** A question with its answer. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
  /** Of the answer, as they were drawn. */
  readonly ids: Int32Array;
}

/** The prompt of a question after other turns. */
type Encode = (turns: readonly Turn[], question: string) => Int32Array;

/** How turns are put into a template. */
export function encoderOf(template: PromptTemplate | ChatTemplate, tokenizer: Tokenizer): Encode {
  const how = { tokenizer, template };
  if ('renderChat' in template) {
    return (turns, question) => encodePrompt({ messages: [...turns.flatMap(messagesOf), said('user', question)] }, how);
  }
  return (turns, question) => {
    const before = turns.flatMap((turn) => [...encodePrompt({ instruction: turn.question }, how), ...turn.ids]);
    return Int32Array.from([...before, ...encodePrompt({ instruction: question }, how)]);
  };
}

const said = (role: ChatMessage['role'], content: string): ChatMessage => ({ role, content });

/** A template takes no message that says nothing. */
const messagesOf = ({ question, answer }: Turn): ChatMessage[] => [
  said('user', question),
  said('assistant', answer.trim() === '' ? '...' : answer),
];

export class Conversation {
  #turns: Turn[] = [];
  #answers = 0;
  readonly #encode: Encode;
  readonly #most: number;

  /** @param most earlier turns that a prompt has at most */
  constructor(encode: Encode, most = Number.POSITIVE_INFINITY) {
    this.#encode = encode;
    this.#most = most;
  }

  /** Turns that are remembered. */
  get length(): number {
    return this.#turns.length;
  }

  /** Answers so far, those that are forgotten included: each is drawn by a seed of its own. */
  get answers(): number {
    return this.#answers;
  }

  /** The prompt of a question as if nothing had been said before. */
  alone(question: string): Int32Array {
    return this.#encode([], question);
  }

  /**
   * The newest turns that fit, and then the question. The question stays whole, whether it fits or not.
   * @param fits whether a prompt of so many tokens leaves room for its answer
   */
  promptWith(question: string, fits: (length: number) => boolean): Int32Array {
    let kept: Turn[] = [];
    let prompt = this.alone(question);
    for (const turn of this.#turns.toReversed()) {
      if (kept.length >= this.#most) break;
      const longer = this.#encode([turn, ...kept], question);
      if (!fits(longer.length)) break;
      kept = [turn, ...kept];
      prompt = longer;
    }
    return prompt;
  }

  add(turn: Turn): void {
    this.#turns.push(turn);
    this.#answers++;
  }

  reset(): void {
    this.#turns = [];
  }
}
