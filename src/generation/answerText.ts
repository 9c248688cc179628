/**
 * The text of one answer while its ids come. Text is settled once no later id can change it: a character whose bytes have
 * not all come is held back, and so is what may be the beginning of a stop string.
 */
import type { StreamingDecoder, Tokenizer } from '../text/index.js';

/** Why an answer ended: 'eos', the model ended it; 'stop', a stop string came; 'length', it had maxNewTokens. */
export type FinishReason = 'eos' | 'stop' | 'length';

export class AnswerText {
  readonly ids: number[] = [];
  /** What is settled. */
  text = '';
  finishReason: FinishReason | undefined;
  readonly #decoder: StreamingDecoder;
  readonly #ends: ReadonlySet<number>;
  readonly #stop: readonly string[];
  readonly #maxNewTokens: number;
  /** Whole characters that may be the beginning of a stop string. */
  #held = '';

  constructor(
    tokenizer: Tokenizer,
    { ends, stop, maxNewTokens }: { ends: ReadonlySet<number>; stop: readonly string[]; maxNewTokens: number },
  ) {
    this.#decoder = tokenizer.stream({ skipSpecialTokens: true });
    this.#ends = ends;
    this.#stop = stop;
    this.#maxNewTokens = maxNewTokens;
  }

  /** Takes the next id; returns the text that it settles. */
  push(id: number): string {
    this.ids.push(id);
    const isEnd = this.#ends.has(id);
    if (!isEnd) this.#held += this.#decoder.push(id);
    const isLast = isEnd || this.ids.length === this.#maxNewTokens;
    if (isLast) this.#held += this.#decoder.end();
    const stopped = this.#firstStop();
    if (stopped >= 0) this.finishReason = 'stop';
    else if (isLast) this.finishReason = isEnd ? 'eos' : 'length';
    return this.#settle(stopped >= 0 ? stopped : this.#held.length - (isLast ? 0 : this.#begunStop()));
  }

  #settle(length: number): string {
    const settled = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    this.text += settled;
    return settled;
  }

  /** Where the first stop string begins, or -1. */
  #firstStop(): number {
    const places = this.#stop.map((each) => this.#held.indexOf(each)).filter((place) => place >= 0);
    return places.length === 0 ? -1 : Math.min(...places);
  }

  /** Length of the longest end of the text that a stop string may begin with. */
  #begunStop(): number {
    const begun = (stop: string) => {
      for (let length = Math.min(stop.length - 1, this.#held.length); length > 0; length--) {
        if (this.#held.endsWith(stop.slice(0, length))) return length;
      }
      return 0;
    };
    return Math.max(0, ...this.#stop.map(begun));
  }
}
