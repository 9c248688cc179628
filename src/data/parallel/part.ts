/** One side of a pair: a line of a text, or a segment of a set. */
export interface Part {
  /** Where in the order of its file, from 1: parts of the same index belong together. */
  readonly index: number;
  /** Of the file, from 1. */
  readonly line: number;
  /** Its name, which its counterpart must have too; lines have none. */
  readonly called?: string;
  /** Empty where there is nothing in it. */
  readonly text: string;
  /** Why it cannot be read, if so. */
  readonly problem?: string;
}
