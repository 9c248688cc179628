/** One training sequence: prompt and response as one run of token ids, EOS included when the response is complete. */
export interface Sample {
  /** Token ids [length]. */
  readonly ids: Int32Array;
  /** Tokens of the prompt. The loss counts only what comes after, unless `lossMask` says otherwise. */
  readonly promptLength: number;
  /**
   * [length], 1 for each token that counts in the loss, 0 for the others: of a conversation whose earlier answers are learnt
   * too. Encoder-decoder models learn what comes after the prompt. Absent: all tokens after the prompt count.
   */
  readonly lossMask?: Uint8Array;
  /** Who wrote the response. Absent means 'data'. */
  readonly origin?: 'data' | 'student' | 'teacher';
  /** Names the sample, so that what is stored about it can be found. */
  readonly key?: string;
  /** Which teacher teaches it, of a run with several: its name in `teachers` of `distill`. */
  readonly teacher?: string;
}

/** Token ids of `batch` sequences, padded to `seq`. Left or right padding: `keyRange` says where the tokens are. */
export interface TokenBatch {
  /** Sequences. */
  readonly batch: number;
  /** Positions of each, padding included. */
  readonly seq: number;
  /** [batch * seq], row-major; padding positions hold any valid id. */
  readonly ids: Int32Array;
  /** [batch * 2]. Row b's tokens are at positions [keyRange[2b], keyRange[2b + 1]). */
  readonly keyRange: Int32Array;
  /** What an encoder-decoder model's encoder reads, row by row; the tokens above are then its decoder's. */
  readonly source?: TokenBatch;
}

/** A batch with what each position must predict. */
export interface LabelledBatch extends TokenBatch {
  /**
   * [batch * seq]. The token that each position predicts, -100 where it is no token of a response. Already shifted: for
   * a decoder-only model labels[t] = ids[t + 1].
   */
  readonly labels: Int32Array;
}
