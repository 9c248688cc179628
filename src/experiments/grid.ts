/**
 * The runs of an experiment: every combination of the values of its axes, but for those that are left out. Settings of an
 * axis come before those of all runs, and of two axes those of the later. A value '{axis}' stands for that of the axis.
 */
import { isPlainObject } from '../inWords.js';
import { type ExperimentSpec, firstAxisOf, labelsOf, replicateAxis } from './file.js';

/** An option's value, and where in the file it stands. */
export interface Setting {
  readonly value: unknown;
  readonly keys: readonly PropertyKey[];
}

export type Settings = ReadonlyMap<string, Setting>;

/** A run: its place on every axis. */
export interface GridRun {
  /** What its value on each axis is called; of a model that is compared, its name on the first axis. */
  readonly labels: Readonly<Record<string, string>>;
  /** What '{axis}' stands for, in what is prepared for it, too. */
  readonly values: Values;
  /** Options of training; none for a model that is scored as it is. */
  readonly train?: Settings;
  /** Options of scoring, where runs are scored. */
  readonly eval?: Settings;
}

type Values = ReadonlyMap<string, unknown>;

interface Place {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: Values;
  /** Options, and 'eval' with those of scoring. */
  readonly settings: Settings;
}

/** All runs, in the order of the axes: the last one changes fastest. */
export function gridOf({ axes, train, eval: scored, leaveOut, compareWith }: ExperimentSpec): GridRun[] {
  let places: Place[] = [{ labels: {}, values: new Map(), settings: new Map() }];
  for (const [name, axis] of Object.entries(axes)) {
    places = places.flatMap((place) =>
      labelsOf(axis).map((label, i) => {
        const own: [string, Setting][] = Array.isArray(axis)
          ? [[name, { value: axis[i], keys: ['axes', name, i] }]]
          : settingsIn(axis[label] ?? {}, ['axes', name, label]);
        return {
          labels: { ...place.labels, [name]: label },
          values: new Map([...place.values, [name, Array.isArray(axis) ? axis[i] : label]]),
          settings: new Map([...place.settings, ...own]),
        };
      }),
    );
  }
  const isLeftOut = ({ labels }: Place) =>
    leaveOut.some((out) => Object.entries(out).every(([name, value]) => labels[name] === String(value)));
  const kept = places.filter((place) => !isLeftOut(place));
  const runs = kept.map(({ labels, values, settings }): GridRun => {
    const own = new Map(settings);
    const ofEval = own.get('eval');
    own.delete('eval');
    return {
      labels,
      values,
      train: filled(new Map([...settingsIn(train, ['train']), ...own]), values),
      ...(scored && { eval: filled(evalOf(scored, ofEval), values) }),
    };
  });
  return [...runs, ...(scored ? comparedOf(kept, { axes, eval: scored, compareWith }) : [])];
}

const settingsIn = (options: Readonly<Record<string, unknown>>, keys: readonly PropertyKey[]): [string, Setting][] =>
  Object.entries(options).map(([name, value]) => [name, { value, keys: [...keys, name] }]);

const evalOf = (scored: Readonly<Record<string, unknown>>, ofAxis: Setting | undefined): Settings =>
  new Map([
    ...settingsIn(scored, ['eval']),
    ...(isPlainObject(ofAxis?.value) ? settingsIn(ofAxis.value, ofAxis.keys) : []),
  ]);

/** Models that no run trains, at every place: which of them are the same, digests tell. */
function comparedOf(
  places: readonly Place[],
  {
    axes,
    eval: scored,
    compareWith,
  }: Pick<ExperimentSpec, 'axes' | 'compareWith'> & { readonly eval: NonNullable<ExperimentSpec['eval']> },
): GridRun[] {
  const first = firstAxisOf(axes);
  return Object.entries(compareWith).flatMap(([name, model]) =>
    places.map(({ labels, values, settings }): GridRun => {
      const own: [string, Setting] = ['model', { value: model, keys: ['compareWith', name] }];
      const options = new Map([...evalOf(scored, settings.get('eval')), own]);
      return { labels: { ...labels, [first]: name }, values, eval: filled(options, values) };
    }),
  );
}

/**
 * Several places with one result, of a model that is compared: the axes on which it does not depend are left out of its labels.
 */
export function sharedLabels(all: readonly GridRun['labels'][]): GridRun['labels'] {
  const [first = {}] = all;
  return Object.fromEntries(Object.entries(first).filter(([name, label]) => all.every((each) => each[name] === label)));
}

/** Without the options that are null: an axis may take one back. */
function filled(settings: Settings, values: Values): Settings {
  return new Map(
    [...settings]
      .filter(([, { value }]) => value !== null)
      .map(([name, { value, keys }]) => [name, { value: withValues(value, values), keys }]),
  );
}

const placeholder = /\{([^{}]+)\}/g;

/** A value in which '{seed}' is that of the axis: the number itself where nothing stands around it. */
export function withValues(value: unknown, values: Values): unknown {
  if (Array.isArray(value)) return value.map((each) => withValues(each, values));
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withValues(each, values)]));
  }
  if (typeof value !== 'string') return value;
  const [, whole] = /^\{([^{}]+)\}$/.exec(value) ?? [];
  if (whole !== undefined && values.has(whole)) return values.get(whole);
  return value.replace(placeholder, (found, name) => (values.has(name) ? String(values.get(name)) : found));
}

/** The axes whose values a value of options names, as in '{seed}'. */
export function axesIn(value: unknown, values: Values): string[] {
  if (typeof value === 'string') {
    return [...value.matchAll(placeholder)].flatMap(([, name = '']) => (values.has(name) ? [name] : []));
  }
  return isPlainObject(value) || Array.isArray(value)
    ? Object.values(value).flatMap((each) => axesIn(each, values))
    : [];
}

/** What a place is called: "skew KL, seed 2". A number says nothing without its axis. */
export const nameOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([axis, label]) => (axis === replicateAxis || Number.isFinite(Number(label)) ? `${axis} ${label}` : label))
    .join(', ');
