/**
 * What a run trained on: the share of steps on fresh student outputs, on replayed ones, and on the data, with phi over
 * it, the probability by which the policy chose the student's.
 */
import type { BatchSource } from '../../distill/sgo/index.js';
import { element, hundredths } from '../markup.js';
import { type Area, type Drawing, drawFrame, type LegendEntry } from './drawing.js';
import { linearScale } from './scale.js';
import { drawStrips } from './strips.js';
import { fillOf, strokeOf } from './theme.js';

interface SourceStep {
  readonly step: number;
  readonly source: BatchSource;
  readonly phi: number;
}

interface SourceChart {
  readonly title: string;
  /** In order. */
  readonly run: readonly SourceStep[];
  /** Last step of the axis. */
  readonly steps: number;
}

/** From the axis up: what the student said stands at the bottom, so that its share can be read. */
const sources: readonly (readonly [BatchSource, string])[] = [
  ['generate', 'student, fresh'],
  ['replay', 'student, replayed'],
  ['data', 'data'],
];

/** Columns: a share needs several steps. */
const most = 40;

interface Column {
  readonly from: number;
  readonly to: number;
  readonly shares: readonly number[];
  readonly phi: number;
}

export function sourceChart({ title, run, steps }: SourceChart): Drawing {
  const columns = columnsOf(run, steps);
  const each = Math.max(1, Math.ceil(steps / most));
  const x = linearScale([], { from: 0, to: steps, whole: true });
  const y = linearScale([], { from: 0, to: 100, count: 4 });
  const frame = {
    title,
    unit: `% of steps${each > 1 ? `, of ${each} at a time` : ''}`,
    legend: [...sources.map(([source, name]) => square(source, name)), phiEntry],
    x: { scale: x, name: 'optimizer step' },
    y,
    empty: columns.length === 0,
  };
  return drawFrame(frame, (area) => {
    const across = (step: number) => hundredths(area.left + x.place(step) * area.width);
    const level = (share: number) => hundredths(area.top + (1 - share) * area.height);
    const areas = sources.map(([source], i) =>
      element('path', { d: areaOf(columns, i, across, level), ...fillOf(source) }),
    );
    const phi = columns.map((column, i) => {
      const at = level(column.phi);
      return `${i === 0 ? `M${across(column.from)} ${at}` : `V${at}`}H${across(column.to)}`;
    });
    return [...areas, element('path', { d: phi.join(''), ...phiLine }), ...strips(columns, area, across)];
  });
}

/** Steps of a column are those above `from` and up to `to`. */
function columnsOf(run: readonly SourceStep[], steps: number): Column[] {
  const each = Math.max(1, Math.ceil(steps / most));
  const parts = new Map<number, SourceStep[]>();
  for (const step of run) {
    const place = Math.floor((step.step - 1) / each);
    const part = parts.get(place);
    if (part) part.push(step);
    else parts.set(place, [step]);
  }
  return [...parts].map(([place, part]) => ({
    from: place * each,
    to: Math.min(steps, (place + 1) * each),
    shares: sources.map(([source]) => part.filter((step) => step.source === source).length / part.length),
    phi: part.reduce((sum, { phi }) => sum + phi, 0) / part.length,
  }));
}

/** The outline of one source's shares, on those below it. */
function areaOf(
  columns: readonly Column[],
  place: number,
  across: (step: number) => number,
  level: (share: number) => number,
): string {
  const below = ({ shares }: Column, most: number) => shares.slice(0, most).reduce((sum, share) => sum + share, 0);
  return columns
    .filter(({ shares }) => (shares[place] as number) > 0)
    .map((column) => {
      const [low, high] = [level(below(column, place)), level(below(column, place + 1))];
      return `M${across(column.from)} ${low}V${high}H${across(column.to)}V${low}Z`;
    })
    .join('');
}

function strips(columns: readonly Column[], area: Area, across: (step: number) => number): string[] {
  const readings = columns.map(({ from, to, shares, phi }) => ({
    at: (across(from) + across(to)) / 2,
    place: `steps ${from + 1} to ${to}`,
    values: [
      ...sources.map(([, name], i) => `${Math.round(100 * (shares[i] as number))}% ${name}`),
      `phi ${phi.toFixed(2)}`,
    ],
  }));
  return drawStrips(readings, area);
}

const square = (source: BatchSource, name: string): LegendEntry => ({
  name,
  sample: (x, y) => element('rect', { x: x - 6, y: y - 6, width: 12, height: 12, rx: 2, ...fillOf(source) }),
});

const phiLine = { fill: 'none', 'stroke-width': 2, ...strokeOf('ink') };
const phiEntry: LegendEntry = {
  name: 'phi',
  sample: (x, y, size) => element('path', { d: `M${x - size / 2} ${y}h${size}`, ...phiLine }),
};
