/** How long the texts of a file are: quantiles, not a mean alone, for lengths have long tails. */

/** Lengths of many texts, in tokens, or in characters where there is no tokenizer. */
export interface Lengths {
  /** How many there are. */
  readonly count: number;
  /** All together. */
  readonly total: number;
  /** The shortest. */
  readonly least: number;
  /** Half of them are no longer. */
  readonly median: number;
  /** Nine of ten are no longer. */
  readonly p90: number;
  /** 99 of 100 are no longer. */
  readonly p99: number;
  /** The longest. */
  readonly most: number;
}

/** Collects lengths, 4 bytes each. */
export class LengthCount {
  #lengths = new Int32Array(1024);
  #count = 0;

  add(length: number): void {
    if (this.#count === this.#lengths.length) {
      const longer = new Int32Array(2 * this.#count);
      longer.set(this.#lengths);
      this.#lengths = longer;
    }
    this.#lengths[this.#count++] = length;
  }

  /** Undefined of none. */
  end(): Lengths | undefined {
    const sorted = this.#lengths.subarray(0, this.#count).sort();
    if (sorted.length === 0) return undefined;
    /** The shortest length that so many of them do not exceed. */
    const quantile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
    return {
      count: sorted.length,
      total: sorted.reduce((sum, length) => sum + length, 0),
      ...{ least: quantile(0), median: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), most: quantile(1) },
    };
  }
}
