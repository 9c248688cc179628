/** Axes: which numbers stand beside one, and where a value lies along it. */

export interface Tick {
  readonly value: number;
  readonly label: string;
}

export interface Scale {
  readonly kind: 'linear' | 'log';
  readonly ticks: readonly Tick[];
  /** Where a value lies between the ends of the axis, 0 to 1. What is beyond an end is put at it. */
  place(value: number): number;
}

/** Least and largest of the finite values; undefined where none is finite. */
export function extentOf(values: readonly number[]): readonly [number, number] | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : undefined;
}

interface LinearOptions {
  /** Ends of the axis; without one, it is the round number before the least or after the largest value. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** About how many numbers stand beside it. */
  readonly count?: number;
  /** Between whole numbers there is nothing to mark. */
  readonly whole?: boolean;
}

/** Equal distances for equal differences. One value, or none, gets room on both sides. */
export function linearScale(values: readonly number[], { from, to, count = 4, whole = false }: LinearOptions): Scale {
  const [least, largest] = extentOf(values) ?? [0, 1];
  let [low, high] = [from ?? least, to ?? largest];
  if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) {
    const room = Math.abs(low) / 10 || 1;
    // What is constantly 0 is hardly ever negative: a score, a share, a norm.
    if (from === undefined && low !== 0) low -= room;
    // An axis of no length, such as that of a run before its first step, is one long.
    if (to === undefined || from !== undefined) high += room;
  }
  const step = roundStep((high - low) / count, whole);
  if (from === undefined) low = Math.floor(low / step + 1e-9) * step;
  if (to === undefined) high = Math.ceil(high / step - 1e-9) * step;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const most = Math.max(Math.abs(low), Math.abs(high));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const value = Number(((first + i) * step).toPrecision(12));
    return { value, label: linearLabel(value, step, most) };
  });
  return { kind: 'linear', ticks, place: (value) => clamped((value - low) / (high - low)) };
}

/** 1, 2, 2.5 or 5 times a power of ten, at least `rough`. */
function roundStep(rough: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const multiples = whole && power < 10 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  const step = (multiples.find((each) => each * power >= rough * (1 - 1e-9)) as number) * power;
  return whole ? Math.max(1, Math.round(step)) : step;
}

function linearLabel(value: number, step: number, most: number): string {
  if (value === 0) return '0';
  // As many digits as tell neighbours apart.
  const digits = Math.min(9, 1 + Math.max(0, Math.ceil(Math.log10(most / step) - 1e-9)));
  if (step >= 1e9 || (step < 1e-3 && most < 0.1)) return exponential(value, digits);
  if (step >= 1e6) return `${value / 1e6}M`;
  if (step >= 1e3) return `${value / 1e3}k`;
  const decimals = Math.max(
    0,
    [...Array(9).keys()].findIndex((count) => isWhole(step * 10 ** count)),
  );
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

const isWhole = (value: number): boolean => Math.abs(value - Math.round(value)) < 1e-6 * value;

/** 0.0005 -> '5e-4' */
const exponential = (value: number, digits = 3): string =>
  Number(value.toPrecision(digits)).toExponential().replace('e+', 'e');

/** Equal distances for equal ratios. Values of 0 and below are at the lower end. */
export function logScale(values: readonly number[]): Scale {
  const [least, largest] = extentOf(values.filter((value) => value > 0)) ?? [1, 10];
  const low = roundBelow(least);
  let high = 1 / roundBelow(1 / largest);
  if (high / low < 1.5) high = low * 10;
  const decades = Math.log10(high / low);
  const multiples = decades <= 2.2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / 7));
  const ticks: Tick[] = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high * (1 + 1e-9); power++) {
    if (multiples.length === 1 && power % every !== 0) continue;
    for (const multiple of multiples) {
      const value = Number((multiple * 10 ** power).toPrecision(12));
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push({ value, label: logLabel(value) });
    }
  }
  return {
    kind: 'log',
    ticks,
    place: (value) => (value > 0 ? clamped(Math.log10(value / low) / decades) : 0),
  };
}

/** The largest of 1, 2 and 5 times a power of ten that is not above the value. */
function roundBelow(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return ([5, 2, 1].find((each) => each * power <= value * (1 + 1e-9)) as number) * power;
}

const logLabel = (value: number): string =>
  value >= 1e5 || value < 1e-3 ? exponential(value) : value.toLocaleString('en', { maximumFractionDigits: 3 });

const clamped = (place: number): number => Math.min(1, Math.max(0, place));

/** A ratio from which on a linear axis shows the large values only. */
const wide = 20;

/** The scale on which all of the values can be told apart: logarithmic where the largest is twenty times the least. */
export function fittingScale(values: readonly number[]): Scale {
  const [least, largest] = extentOf(values) ?? [0, 1];
  return least > 0 && largest / least >= wide ? logScale(values) : linearScale(values, {});
}
