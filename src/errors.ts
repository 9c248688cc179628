/**
 * Every failure that a caller can act on is one of these classes. A message says, in this order: where, what was
 * found, what was expected, what to do. What programs go by are fields: `code` says which kind of failure it is, one a
 * class, and the numbers of the message are there too, so that nobody need parse text.
 */

/** Which kind of failure an error is: one code for each class, which stays the same from version to version. */
export type ErrorCode =
  | 'ERR_SHAPE'
  | 'ERR_OPTION'
  | 'ERR_DEVICE'
  | 'ERR_LIMIT'
  | 'ERR_DISPOSED'
  | 'ERR_CHECKPOINT'
  | 'ERR_DATA'
  | 'ERR_COMPATIBILITY'
  | 'ERR_TRAINING'
  | 'ERR_JUDGE';

/**
 * What all errors of this package are. A structured clone (`postMessage`, `structuredClone`) keeps nothing of an error's
 * class but its text: to send one to another thread, send `{ ...error, message: error.message }`, which has its name,
 * code and numbers.
 * @example
 * if (error instanceof DistillmError && error.code === 'ERR_LIMIT') retryWithSmallerBatch();
 */
export abstract class DistillmError extends Error {
  /** The name of the class, which survives minifiers. */
  abstract override readonly name: string;
  /** The kind of failure, for programs: it survives minifiers, copies of the package, and the way to another thread. */
  abstract readonly code: ErrorCode;
  /** What was found, in the unit that the message names. */
  readonly found?: unknown;
  /** What was expected, in the unit that the message names. */
  readonly expected?: unknown;

  constructor(message: string, details: { found?: unknown; expected?: unknown; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    if ('found' in details) this.found = details.found;
    if ('expected' in details) this.expected = details.expected;
  }
}

/** An operand has the wrong shape or dtype. */
export class ShapeError extends DistillmError {
  override readonly name = 'ShapeError';
  /** Always 'ERR_SHAPE'. */
  override readonly code = 'ERR_SHAPE';
}
/** An option or argument is unknown, of another kind, out of range, or contradicts another. */
export class OptionError extends DistillmError {
  override readonly name = 'OptionError';
  /** Always 'ERR_OPTION'. */
  override readonly code = 'ERR_OPTION';
  /** The option or argument that is wrong, as its function calls it ('validation.every'), where it is one alone. */
  readonly option?: string;

  constructor(
    message: string,
    { option, ...details }: { option?: string; found?: unknown; expected?: unknown; cause?: unknown } = {},
  ) {
    super(message, details);
    if (option !== undefined) this.option = option;
  }
}
/** No device of the wanted kind, or the device was lost. */
export class DeviceError extends DistillmError {
  override readonly name = 'DeviceError';
  /** Always 'ERR_DEVICE'. */
  override readonly code = 'ERR_DEVICE';
}
/** Options with which work would fit that does not fit as it was asked for. */
export interface FittingChange {
  /** Their values by their names: { batchSize: 4, gradAccumulationSteps: 2 }. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** Bytes that the work would take with them. */
  readonly total: number;
}

/**
 * A buffer, binding or memory limit would be exceeded. `found` and `expected` are bytes unless the message says
 * otherwise.
 */
export class LimitError extends DistillmError {
  override readonly name = 'LimitError';
  /** Always 'ERR_LIMIT'. */
  override readonly code = 'ERR_LIMIT';
  /** Where a plan of memory does not fit: the parts of its sum, in bytes. */
  readonly parts?: Readonly<Record<string, number>>;
  /** Where it is known: what would fit, the mildest change first. */
  readonly fitting?: readonly FittingChange[];

  constructor(
    message: string,
    {
      parts,
      fitting,
      ...details
    }: {
      parts?: LimitError['parts'];
      fitting?: LimitError['fitting'];
      found?: unknown;
      expected?: unknown;
      cause?: unknown;
    } = {},
  ) {
    super(message, details);
    if (parts) this.parts = parts;
    if (fitting) this.fitting = fitting;
  }
}
/** A disposed tensor, model or device was used. */
export class DisposedError extends DistillmError {
  override readonly name = 'DisposedError';
  /** Always 'ERR_DISPOSED'. */
  override readonly code = 'ERR_DISPOSED';
}
/**
 * A model, checkpoint or tokenizer file is malformed, incomplete or does not fit its config; or a file, other than of
 * data, is missing, or cannot be read or written.
 */
export class CheckpointError extends DistillmError {
  override readonly name = 'CheckpointError';
  /** Always 'ERR_CHECKPOINT'. */
  override readonly code = 'ERR_CHECKPOINT';
}
/** A data file is missing, malformed or empty. */
export class DataError extends DistillmError {
  override readonly name = 'DataError';
  /** Always 'ERR_DATA'. */
  override readonly code = 'ERR_DATA';
}
/** Teacher, student, tokenizer or data do not fit each other. */
export class CompatibilityError extends DistillmError {
  override readonly name = 'CompatibilityError';
  /** Always 'ERR_COMPATIBILITY'. */
  override readonly code = 'ERR_COMPATIBILITY';
}
/** Training cannot go on (loss is not finite, for instance). */
export class TrainingError extends DistillmError {
  override readonly name = 'TrainingError';
  /** Always 'ERR_TRAINING'. */
  override readonly code = 'ERR_TRAINING';
}
/** A judge cannot be asked, does not answer, or gives no scores. `found` is the server's status where it answered. */
export class JudgeError extends DistillmError {
  override readonly name = 'JudgeError';
  /** Always 'ERR_JUDGE'. */
  override readonly code = 'ERR_JUDGE';
}

/** 1536 -> "1.5 KiB", 1 -> "1 byte". */
export function formatBytes(bytes: number): string {
  const units = [bytes === 1 ? 'byte' : 'bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Two sizes that a message sets against each other: in bytes where they would read the same. */
export function formatBothBytes(found: number, expected: number): readonly [found: string, expected: string] {
  const [one, other] = [formatBytes(found), formatBytes(expected)];
  return one === other ? [`${found} bytes`, `${expected} bytes`] : [one, other];
}

/** 12345.6 -> "12,346". */
export const whole = (value: number): string => Math.round(value).toLocaleString('en');

/** To three digits: 0.30000000000000004 -> "0.3", 0.000123456 -> "0.000123"; NaN and infinity by their names. */
export const rounded = (value: number): string => String(Number(value.toPrecision(3)));

/** Verbs that stand after a number of things, by their plural, with their singular. */
const singulars = { are: 'is', were: 'was', have: 'has', do: 'does', fit: 'fits', go: 'goes' } as const;

/** A verb by its plural. */
type Verb = keyof typeof singulars;

/** "steps", "batches", "entries". */
const pluralOf = (thing: string): string => {
  if (/[^aeiou]y$/.test(thing)) return thing.replace(/y$/, 'ies');
  return /(?:ch|sh|s|x)$/.test(thing) ? `${thing}es` : `${thing}s`;
};

const verbOf = (count: number, verb: Verb | undefined): string =>
  verb === undefined ? '' : ` ${count === 1 ? singulars[verb] : verb}`;

/**
 * 1, 'step' -> "1 step"; 1234, 'step' -> "1,234 steps". A verb, given by its plural, agrees: 1, 'step', 'are' -> "1 step
 * is".
 */
export const counted = (count: number, thing: string, verb?: Verb): string =>
  `${whole(count)} ${count === 1 ? thing : pluralOf(thing)}${verbOf(count, verb)}`;

/** Some of all: 1, 89, 'record', 'are' -> "1 of 89 records is". */
export const countedOf = (part: number, all: number, thing: string, verb?: Verb): string =>
  `${whole(part)} of ${counted(all, thing)}${verbOf(part, verb)}`;
