/** One training sequence: prompt and response as one run of token ids, EOS included when the response is complete. */
export interface Sample {
  /** Token ids [length]. */
  readonly ids: Int32Array;
  /** Tokens of the prompt. The loss counts only what comes after. */
  readonly promptLength: number;
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
}

/** A batch with what each position must predict. */
export interface LabelledBatch extends TokenBatch {
  /** [batch * seq], already shifted: labels[t] = ids[t + 1] where that token belongs to a response, else -100. */
  readonly labels: Int32Array;
}
