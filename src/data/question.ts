/** What a record of data asks, with the answers that it has. */

/** An instruction, with no answer, one, or several that are as good. */
export interface Question {
  /** What the model is asked to do. */
  readonly instruction: string;
  /** Further context, '' where there is none. */
  readonly input: string;
  /**
   * What T5 was trained to read before the input of such a task ('summarize: '); absent where there is no such habit. Only the
   * template 't5' has a place for it.
   */
  readonly prefix?: string;
  /** Which of several teachers it is for, where a field of the record says so. */
  readonly teacher?: string;
  /** Texts that answer it. */
  readonly outputs: readonly string[];
}
