/** One line of the demo's data set: the fields that instruction files have. */
export interface TaskRecord {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
}
