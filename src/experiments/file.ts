/**
 * The file of an experiment: what is prepared once, the settings that all runs have, the axes along which they differ, how
 * each is scored, and what is drawn and claimed of the results. Options have the names that their commands give them. Several
 * files may share what one beside them has, which they extend.
 */
import * as z from 'zod';
import { DataError, OptionError } from '../errors.js';
import { inWords, isPlainObject } from '../inWords.js';
import { runCurves } from '../report/runCharts.js';
import { didYouMean } from '../requireOption.js';
import { pathOf, ranges, tryParse } from '../settings/index.js';
import { type LinedJson, readLinedJson } from './json.js';
import { isComparison, isScore, measureNames } from './measures.js';

const { choice, text, switched } = ranges;
const scalar = z.union([text, z.number(), switched], 'text, a number, true or false');
/** Options of a command by their names. Which there are, and what they take, the command knows. */
const options = z.record(text, z.unknown(), 'an object of options');
/** A list of values of the option that the axis is named after, or names with options each. */
const axis = z.union(
  [
    z.array(scalar, 'a list').min(1, 'at least one value'),
    z.record(text, options, 'an object').refine((each) => Object.keys(each).length > 0, 'at least one entry'),
  ],
  'a list of values, or an object of names with their options',
);
const place = z.record(text, scalar, 'an object of axes with one of their values each');
const measure = text;

const barFigure = z.strictObject({
  kind: z.literal('bars'),
  title: text,
  /** One, or several that are parts of a whole. */
  measure: z.union([measure, z.array(measure).min(1)], 'a measure, or a list of measures'),
});
const lineFigure = z.strictObject({
  kind: z.literal('lines'),
  title: text,
  measure,
  /** The axis whose values are numbers. */
  x: text,
});
const curveFigure = z.strictObject({
  kind: z.literal('curves'),
  title: text,
  curve: choice(Object.keys(runCurves) as [keyof typeof runCurves]),
});
const figure = z.discriminatedUnion(
  'kind',
  [barFigure, lineFigure, curveFigure] as const,
  "an object whose kind is 'bars', 'lines' or 'curves'",
);

const claim = z
  .strictObject({
    text,
    measure,
    /** The runs it is about. */
    of: place,
    /** Those that they are compared with, seed by seed. */
    over: place,
    as: choice(['difference', 'ratio']).default('difference'),
    atLeast: z.number('a number').optional(),
    atMost: z.number('a number').optional(),
  })
  .refine(({ atLeast, atMost }) => atLeast !== undefined || atMost !== undefined, {
    message: 'a claim with atLeast, atMost or both',
  });

const experiment = z.strictObject({
  extends: text.optional(),
  title: text,
  about: z.array(text, 'a list of paragraphs').default([]),
  prepare: z.record(text, options, 'an object').default({}),
  train: options,
  eval: options.optional(),
  axes: z
    .record(text, axis, 'an object of axes')
    .refine((axes) => Object.keys(axes).length > 0, 'an object with at least one axis'),
  leaveOut: z.array(place, 'a list').default([]),
  compareWith: z.record(text, text, 'an object of names with models').default({}),
  measures: z.array(measure, 'a list of measures').min(1, 'at least one measure').optional(),
  figures: z.array(figure, 'a list of figures').default([]),
  claims: z.array(claim, 'a list of claims').default([]),
});

/** What an experiment's file says. */
export type ExperimentSpec = z.output<typeof experiment>;
export type FigureSpec = ExperimentSpec['figures'][number];
export type ClaimSpec = ExperimentSpec['claims'][number];

/** The file of an experiment that was read, with what refusals need of it. */
export interface ExperimentFile {
  readonly spec: ExperimentSpec;
  /** "table1.json, line 12", for messages. */
  where(keys: readonly PropertyKey[]): string;
}

/** The axis over which scores are averaged, and whose spread is told. */
export const replicateAxis = 'seed';

/**
 * @param path what messages call the file
 * @param readBeside gives the text of a file in the same folder, and what messages call it
 * @throws DataError for a text that is no JSON; OptionError for a field that is missing, unknown or of another kind, each with
 * its line
 */
export function readExperiment(
  content: string,
  path: string,
  readBeside: (name: string) => { readonly content: string; readonly path: string },
): ExperimentFile {
  const own = readLinedJson(content, path);
  const base = baseOf(own, path, readBeside);
  const where = (keys: readonly PropertyKey[]) =>
    base && !own.has(keys) && base.json.has(keys)
      ? `${base.path}, line ${base.json.lineOf(keys)}`
      : `${path}, line ${own.lineOf(keys)}`;
  const value = base ? extended(base.json.value, own.value) : own.value;
  const result = tryParse(experiment, value);
  if ('issue' in result) throw refusal(result.issue, { value, where });
  const spec = result.value;
  checkNames(spec, where);
  checkMeasures(spec, where);
  return { spec, where };
}

/** The file that a file extends; undefined where it names none. @throws OptionError, DataError */
function baseOf(
  { value, lineOf }: LinedJson,
  path: string,
  readBeside: Parameters<typeof readExperiment>[2],
): { readonly json: LinedJson; readonly path: string } | undefined {
  const { extends: name } = Object(value) as { readonly extends?: unknown };
  if (name === undefined) return undefined;
  const line = lineOf(['extends']);
  if (typeof name !== 'string' || name === '' || /[\\/]/.test(name)) {
    const expected = 'the name of a file in the same folder';
    throw new OptionError(`${path}, line ${line}: 'extends' is ${inWords(name)}, expected ${expected}.`, {
      ...{ option: 'extends', found: name, expected },
    });
  }
  const base = readBeside(name);
  const json = readLinedJson(base.content, base.path);
  if (isPlainObject(json.value) && json.value.extends === undefined) return { json, path: base.path };
  throw new OptionError(
    `${base.path}, line 1: ${path} extends it, expected an object of an experiment's fields that extends no other file.`,
  );
}

/** Fields of which a file may have a part, and the file that it extends the rest. null takes one of these back. */
const shared: ReadonlySet<string> = new Set(['prepare', 'train', 'eval', 'compareWith']);

function extended(base: unknown, own: unknown): unknown {
  if (!isPlainObject(base) || !isPlainObject(own)) return own;
  const together = Object.entries(own).map(([name, value]) => {
    const below = base[name];
    const isShared = shared.has(name) && isPlainObject(below) && isPlainObject(value);
    return [name, isShared ? withoutNull({ ...below, ...value }) : value];
  });
  return withoutNull({ ...base, ...Object.fromEntries(together) });
}

const withoutNull = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

type Issue = Extract<ReturnType<typeof tryParse>, { issue: unknown }>['issue'];

const fieldNames = Object.keys(experiment.shape);

function refusal(
  { path, keys, found, message, unknown }: Issue,
  { value, where }: { value: unknown; where: ExperimentFile['where'] },
): OptionError {
  if (unknown) {
    const [name = ''] = unknown;
    const inside = [...keys, name];
    const known = keys.length === 0 ? fieldNames : namesBeside(value, keys);
    const advice = didYouMean(name, known) || `Expected one of ${known.join(', ')}.`;
    return new OptionError(`${where(inside)}: there is no field '${path ? `${path}.` : ''}${name}'. ${advice}`, {
      option: name,
      found: name,
      expected: known,
    });
  }
  if (path === '') {
    return new OptionError(`${where([])}: the experiment is ${inWords(found)}, expected ${message}.`, { found });
  }
  const is = found === undefined ? 'is missing' : `is ${inWords(found)}`;
  const advice = keys.at(-1) === 'curve' ? didYouMean(found, Object.keys(runCurves)) : '';
  return new OptionError(`${where(keys)}: '${path}' ${is}, expected ${message}. ${advice}`.trim(), {
    option: path,
    found,
    expected: message,
  });
}

/** The fields of a claim, or of a figure of its kind. */
function namesBeside(value: unknown, keys: readonly PropertyKey[]): string[] {
  if (keys[0] === 'claims') return Object.keys(claim.shape);
  const { kind } = Object(keys.reduce<unknown>((inside, key) => Object(inside)[key], value)) as { kind?: unknown };
  const shape = [barFigure, lineFigure, curveFigure].find((each) => each.shape.kind.value === kind)?.shape;
  return Object.keys(shape ?? {});
}

/**
 * Measures that columns, figures and claims name. One that no run can have would leave them empty after all runs are made.
 * @throws OptionError
 */
function checkMeasures(
  { measures = [], figures, claims, train, eval: scored, axes }: ExperimentSpec,
  where: ExperimentFile['where'],
): void {
  const compares = [train, ...Object.values(axes).flatMap((each) => (Array.isArray(each) ? [] : Object.values(each)))];
  const isCompared = 'compareEvery' in axes || compares.some(({ compareEvery }) => Number(compareEvery) > 0);
  const check = (name: string, keys: readonly PropertyKey[]) => {
    const path = pathOf(keys);
    const is = `${where(keys)}: '${path}' is ${inWords(name)}`;
    if (!measureNames.includes(name)) {
      throw new OptionError(
        `${is}, expected one of ${measureNames.join(', ')}. ${didYouMean(name, measureNames)}`.trim(),
        { option: path, found: name, expected: measureNames },
      );
    }
    if (isScore(name) && scored === undefined) {
      throw new OptionError(`${is}, a score, and there is no 'eval' that says how runs are scored. Add it.`, {
        ...{ option: path, found: name },
      });
    }
    if (isComparison(name) && !isCompared) {
      throw new OptionError(
        `${is}, for which steps have to compare the two models, and no run has 'compareEvery'. Add it to 'train'.`,
        { option: path, found: name },
      );
    }
  };
  for (const [i, name] of measures.entries()) check(name, ['measures', i]);
  for (const [i, figure] of figures.entries()) {
    if (figure.kind === 'curves') continue;
    if (typeof figure.measure === 'string') check(figure.measure, ['figures', i, 'measure']);
    else for (const [j, name] of figure.measure.entries()) check(name, ['figures', i, 'measure', j]);
  }
  for (const [i, { measure: name }] of claims.entries()) check(name, ['claims', i, 'measure']);
}

/** Axes and their values that other fields name. @throws OptionError */
function checkNames(
  { axes, leaveOut, claims, figures, compareWith, eval: scored }: ExperimentSpec,
  where: ExperimentFile['where'],
): void {
  const labels = new Map(Object.entries(axes).map(([name, values]) => [name, labelsOf(values)]));
  for (const [name, all] of labels) {
    const twice = all.find((label, at) => all.indexOf(label) !== at);
    if (twice !== undefined) {
      throw new OptionError(
        `${where(['axes', name])}: 'axes.${name}' has ${inWords(twice)} twice. Name each value once.`,
        {
          found: twice,
        },
      );
    }
  }
  const checkPlace = (found: Readonly<Record<string, unknown>>, keys: readonly PropertyKey[]) => {
    for (const [name, value] of Object.entries(found)) {
      const known = labels.get(name);
      const expected = known ?? [...labels.keys()];
      const ok = known?.includes(String(value)) || (name === firstAxis && String(value) in compareWith);
      if (ok) continue;
      const what = known ? `there is no ${inWords(String(value))} on the axis '${name}'` : `there is no axis '${name}'`;
      throw new OptionError(
        `${where([...keys, name])}: ${what}, expected one of ${expected.join(', ')}. ${didYouMean(String(known ? value : name), expected)}`.trim(),
        { found: known ? value : name, expected },
      );
    }
  };
  const firstAxis = firstAxisOf(axes);
  for (const [i, each] of leaveOut.entries()) checkPlace(each, ['leaveOut', i]);
  for (const [i, { of, over }] of claims.entries()) {
    checkPlace(of, ['claims', i, 'of']);
    checkPlace(over, ['claims', i, 'over']);
  }
  for (const [i, each] of figures.entries()) {
    if (each.kind !== 'lines') continue;
    checkPlace({ [each.x]: labels.get(each.x)?.[0] }, ['figures', i, 'x']);
    const words = labels.get(each.x)?.find((label) => !Number.isFinite(Number(label)));
    if (words === undefined) continue;
    throw new OptionError(
      `${where(['figures', i, 'x'])}: '${each.x}' has the value ${inWords(words)}, expected an axis of numbers for a figure of lines.`,
      { found: words },
    );
  }
  if (scored === undefined && Object.keys(compareWith).length > 0) {
    throw new OptionError(
      `${where(['compareWith'])}: 'compareWith' names models to score, and there is no 'eval' that says how. Add it.`,
    );
  }
}

/** The axis that names the rows: the first over which scores are not averaged. */
export const firstAxisOf = (axes: ExperimentSpec['axes']): string =>
  Object.keys(axes).find((name) => name !== replicateAxis) ?? replicateAxis;

/** What the values of an axis are called. */
export const labelsOf = (axisValues: ExperimentSpec['axes'][string]): string[] =>
  Array.isArray(axisValues) ? axisValues.map(String) : Object.keys(axisValues);

/** @throws DataError naming the file, for a grid in which nothing is left */
export function requireRuns(count: number, path: string): void {
  if (count > 0) return;
  throw new DataError(`${path}: 'leaveOut' leaves no run. Take an entry out.`, { found: 0 });
}
