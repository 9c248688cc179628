/**
 * A run as its log tells it: what charts and tables need of the JSON lines that `distillm train` writes, one an event.
 * Numbers that JSON cannot hold were written as null; here they are NaN, which charts show as gaps.
 */
import * as z from 'zod';
import type { StepEvent, ValidationEvent, ValidationExample } from '../distill/trainer/index.js';
import { DataError } from '../errors.js';
import { inWords, isPlainObject } from '../inWords.js';
import { requireOption } from '../requireOption.js';
import { ranges, tryParse } from '../settings/index.js';

/** What a run's log holds, for charts and reports. Events of a run in this program fit it as they are. */
export interface RunLog {
  /** What charts call the run. */
  readonly name: string;
  /** Optimizer steps, in order. */
  readonly steps: readonly LoggedStep[];
  /** Validations, in order. */
  readonly validations: readonly LoggedValidation[];
  /** Optimizer steps of the whole run, where they are known. */
  readonly totalSteps?: number;
  /** Numbers that are trained, where they are known. */
  readonly trainedParameters?: number;
  /** The options that the command got and the run's settings, of which a report shows what differs. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The log ends within a line: its writer was killed, or is writing. That line is left out. */
  readonly cut?: boolean;
}

/** A step, as `StepEvent` describes it. */
export type LoggedStep = Pick<
  StepEvent,
  'step' | 'source' | 'loss' | 'gradNorm' | 'lr' | 'phi' | 'tokens' | 'stepMs' | 'measures'
>;

/** A validation, as `ValidationEvent` describes it. */
export type LoggedValidation = Pick<ValidationEvent, 'step' | 'loss' | 'rougeL' | 'exactMatch' | 'examples'>;

const { choice, countOrZero, text } = ranges;
const measured = z
  .number('a number, or null for one that is not finite')
  .nullable()
  .transform((value) => value ?? Number.NaN);
const optional = measured.optional();

const stepRecord = z.object({
  step: countOrZero,
  source: choice(['data', 'generate', 'replay']),
  ...{ loss: measured, gradNorm: measured, lr: measured, phi: measured, tokens: measured, stepMs: measured },
  measures: z.record(z.string(), measured, 'an object of numbers').optional(),
});
const validationRecord = z.object({
  step: countOrZero,
  ...{ loss: optional, rougeL: optional, exactMatch: optional },
  examples: z
    .array(
      z.object({
        prompt: z.string(),
        answer: z.string(),
        references: z.array(z.string()),
        rougeL: measured,
        exactMatch: z.boolean().default(false),
      }),
      'a list of answers',
    )
    .optional(),
});
const startRecord = z.object({ totalSteps: countOrZero, trainedParameters: countOrZero });

/**
 * Reads the log of a run: the text of its JSON lines.
 * @param name what charts call the run, and messages the log
 * @throws DataError for a line that is no record, by its number, and for a log without a step or a validation. A last line
 * without its end is left out: see `cut`.
 * @throws OptionError for arguments that are no text
 */
export function readRunLog(log: string, name: string): RunLog {
  requireOption('readRunLog', 'log', log, typeof log === 'string', 'the text of a log');
  requireOption('readRunLog', 'name', name, text.safeParse(name).success, 'some text');
  const lines = log.split('\n');
  // What follows the last line's end.
  const rest = lines.pop() as string;
  const steps = new Map<number, LoggedStep>();
  const validations = new Map<number, LoggedValidation>();
  let settings: Record<string, unknown> | undefined;
  let start: z.output<typeof startRecord> | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const where = `${name}, line ${index + 1}`;
    const record = recordOf(line, where);
    // Of a step that was taken twice, because a run went on from an earlier one, the later counts.
    if (record.type === 'step') {
      const step = checked(stepRecord, record, where);
      steps.set(step.step, step as LoggedStep);
    } else if (record.type === 'validation') {
      const validation = checked(validationRecord, record, where) as LoggedValidation;
      validations.set(validation.step, validation);
    } else if (record.type === 'start') start = checked(startRecord, record, where);
    else if (record.type === 'settings' || record.type === 'options') {
      const { time: _time, type: _type, ...values } = record;
      settings = { ...settings, ...values };
    }
  }
  if (steps.size + validations.size === 0) {
    throw new DataError(
      `${name} has no step and no validation${rest === '' ? '' : ', only a line that is cut'}, expected the log of a run ` +
        "as 'distillm train' writes it. Check the path, or wait for the first step.",
      { found: 0, expected: 1 },
    );
  }
  return {
    name,
    steps: inOrder(steps),
    validations: inOrder(validations),
    ...start,
    ...(settings && { settings }),
    ...(rest.trim() !== '' && { cut: true }),
  };
}

function recordOf(line: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new DataError(
      `${where} is not JSON: ${inWords(line)}. A log of 'distillm train' has one whole object a line.`,
      { found: line, cause },
    );
  }
  if (isPlainObject(value) && typeof value.type === 'string') return value;
  throw new DataError(
    `${where} is ${inWords(value)}, expected an event with its type. Check that it is a log of 'distillm train'.`,
    { found: value },
  );
}

function checked<Schema extends z.ZodType>(schema: Schema, record: object, where: string): z.output<Schema> {
  const result = tryParse(schema, record);
  if ('value' in result) return result.value;
  const { path, found, message } = result.issue;
  throw new DataError(`${where}: ${path} is ${inWords(found)}, expected ${message}.`, { found, expected: message });
}

const inOrder = <T extends { readonly step: number }>(events: ReadonlyMap<number, T>): T[] =>
  [...events.values()].sort((one, other) => one.step - other.step);

/** The last answers that a run's validations have, and those before its first step. */
export function examplesOf({ validations }: RunLog): {
  readonly before?: readonly ValidationExample[] | undefined;
  readonly after?: (LoggedValidation & { readonly examples: readonly ValidationExample[] }) | undefined;
} {
  const answered = validations.filter(
    (each): each is LoggedValidation & { examples: readonly ValidationExample[] } =>
      each.examples !== undefined && each.examples.length > 0,
  );
  return {
    before: answered.find(({ step }) => step === 0)?.examples,
    after: answered.findLast(({ step }) => step > 0),
  };
}
