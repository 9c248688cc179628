/**
 * Every failure that a caller can act on is one of these classes. A message says, in this order: where, what was
 * found, what was expected, what to do. The numbers are fields too, so that programs need not parse text.
 */
export class DistillmError extends Error {
  /** The name of the class, which survives minifiers. */
  override readonly name: string = 'DistillmError';
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
}
/** An option or argument is out of range or contradicts another. */
export class OptionError extends DistillmError {
  override readonly name = 'OptionError';
}
/** No device of the wanted kind, or the device was lost. */
export class DeviceError extends DistillmError {
  override readonly name = 'DeviceError';
}
/**
 * A buffer, binding or memory limit would be exceeded. `found` and `expected` are bytes unless the message says
 * otherwise.
 */
export class LimitError extends DistillmError {
  override readonly name = 'LimitError';
}
/** A disposed tensor, model or device was used. */
export class DisposedError extends DistillmError {
  override readonly name = 'DisposedError';
}
/** A model, checkpoint or tokenizer file is malformed, incomplete or does not fit its config. */
export class CheckpointError extends DistillmError {
  override readonly name = 'CheckpointError';
}
/** A data file is malformed or empty. */
export class DataError extends DistillmError {
  override readonly name = 'DataError';
}
/** Teacher, student, tokenizer or data do not fit each other. */
export class CompatibilityError extends DistillmError {
  override readonly name = 'CompatibilityError';
}
/** Training cannot go on (loss is not finite, for instance). */
export class TrainingError extends DistillmError {
  override readonly name = 'TrainingError';
}

/** 1536 -> "1.5 KiB". */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
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
