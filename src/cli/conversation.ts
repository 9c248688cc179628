/**
 * What was said so far, as token ids: the prompt and the answer of each turn, one after the other, each with the ids that it
 * had in training. Our templates are of one turn, so earlier turns stand before the newest one as examples of it.
 */
export class Conversation {
  #turns: Int32Array[] = [];
  #answers = 0;
  readonly #most: number;

  /** @param most earlier turns that a prompt has at most */
  constructor(most = Number.POSITIVE_INFINITY) {
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

  /**
   * The newest turns that fit, and then the prompt. The prompt stays whole, whether it fits or not.
   * @param fits whether a prompt of so many tokens leaves room for its answer
   */
  promptWith(prompt: Int32Array, fits: (length: number) => boolean): Int32Array {
    const kept: Int32Array[] = [];
    let length = prompt.length;
    for (const turn of this.#turns.toReversed()) {
      if (kept.length >= this.#most || !fits(length + turn.length)) break;
      length += turn.length;
      kept.unshift(turn);
    }
    return Int32Array.from([...kept, prompt].flatMap((turn) => [...turn]));
  }

  add(prompt: Int32Array, answer: Int32Array): void {
    this.#turns.push(Int32Array.from([...prompt, ...answer]));
    this.#answers++;
  }

  reset(): void {
    this.#turns = [];
  }
}
