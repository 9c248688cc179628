/** Figures of an experiment: bars of its configurations, lines along an axis of numbers, and curves over steps. */
import { barChart } from '../report/charts/barChart.js';
import { type Bin, binned, type Point } from '../report/charts/bins.js';
import type { Drawing } from '../report/charts/drawing.js';
import { lineChart } from '../report/charts/lineChart.js';
import { linearScale } from '../report/charts/scale.js';
import { type RunCurves, runCurves } from '../report/runCharts.js';
import type { RunLog } from '../report/runLog.js';
import { type FigureSpec, replicateAxis } from './file.js';
import { nameOf } from './grid.js';
import { wordsOf } from './measures.js';
import { type Configuration, type MeasuredRun, spreadIn, spreadOf } from './summary.js';
import { namesOf } from './tables.js';

/** A run with what its log has. */
export interface DrawnRun extends MeasuredRun {
  readonly log?: RunLog | undefined;
}

type Configurations = readonly Configuration<DrawnRun>[];
type Of<Kind extends FigureSpec['kind']> = Extract<FigureSpec, { kind: Kind }>;

/** What a file without figures gets. */
export const usualFigures = ([measure = '']: readonly string[]): FigureSpec[] => [
  { kind: 'bars', title: wordsOf(measure).title, measure },
];

export function drawFigure(figure: FigureSpec, configurations: Configurations): Drawing {
  if (figure.kind === 'bars') return drawBars(figure, configurations);
  return figure.kind === 'lines' ? drawLines(figure, configurations) : drawCurves(figure, configurations);
}

function drawBars({ title, measure }: Of<'bars'>, configurations: Configurations): Drawing {
  const measures = [measure].flat();
  const [first = ''] = measures;
  const words = measures.map(wordsOf);
  const names = namesOf(configurations);
  const bars = configurations.flatMap((each, i) => {
    const spreads = measures.flatMap((name) => spreadIn(each, name) ?? []);
    if (spreads.length < measures.length) return [];
    const total = spreads.reduce((sum, { mean }) => sum + mean, 0);
    const [one] = spreads;
    const range = one && measures.length === 1 ? ([one.least, one.most] as const) : undefined;
    const label = total.toFixed(Math.min(wordsOf(first).digits, total >= 10 ? 1 : 2));
    return [{ name: names[i] as string, values: spreads.map(({ mean }) => mean), range, label }];
  });
  const isSpread = bars.some(({ range }) => range && range[0] < range[1]);
  const unit = `${words[0]?.unit}${isSpread ? '; mean, least and most of the seeds' : ''}`;
  return barChart({ title, unit, parts: words.map((each) => each.title), bars });
}

/** Curves of the configurations that are alike but for their place on the axis. */
function drawLines({ title, measure, x }: Of<'lines'>, configurations: Configurations): Drawing {
  const groups = new Map<string, Configuration<DrawnRun>[]>();
  for (const each of configurations) {
    if (!Number.isFinite(Number(each.labels[x]))) continue;
    const { [x]: _, ...others } = each.labels;
    const key = nameOf(others);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const lines = [...groups].map(([name, members], series) => {
    const bins = members
      .flatMap((each): Bin[] => {
        const spread = spreadIn(each, measure);
        return spread ? [{ x: Number(each.labels[x]), mean: spread.mean, low: spread.least, high: spread.most }] : [];
      })
      .sort((one, other) => one.x - other.x);
    return { name, series, bins, points: bins.map((bin): Point => ({ x: bin.x, y: bin.mean })) };
  });
  const places = lines.flatMap(({ bins }) => bins.map((bin) => bin.x));
  const { unit } = wordsOf(measure);
  return lineChart({
    title,
    unit: `${unit}; mean, least and most of the seeds`,
    lines: lines.filter(({ bins }) => bins.length > 0),
    steps: 1,
    x: { name: x, scale: linearScale(places, { count: 6 }) },
    scale: (values) => linearScale(values, {}),
    marks: true,
  });
}

/** Bins of a curve that is a mean over seeds. */
const most = 60;

function drawCurves({ title, curve }: Of<'curves'>, configurations: Configurations): Drawing {
  const names = namesOf(configurations);
  const { unit, points: pointsOf, scale, marks = false }: RunCurves = runCurves[curve];
  const steps = Math.max(
    1,
    ...configurations.flatMap(({ runs }) => runs.map(({ log }) => log?.steps.at(-1)?.step ?? 0)),
  );
  const lines = configurations.flatMap((each, series) => {
    const bins = meanOf(
      each.runs.flatMap(({ log }) => {
        const points = log ? pointsOf(log) : [];
        return points.length > 0 ? [binned(points, { from: 0, to: steps, most })] : [];
      }),
    );
    const points = bins.map((bin): Point => ({ x: bin.x, y: bin.mean }));
    return bins.length > 0 ? [{ name: names[series] as string, series, bins, points }] : [];
  });
  return lineChart({ title, unit: `${unit}; mean and range of ${replicateAxis}s`, lines, steps, scale, marks });
}

/** Bins of several curves that have the same steps: the mean of their means, and how far these reach. */
function meanOf(all: readonly (readonly Bin[])[]): Bin[] {
  const shared = new Map<number, number[]>();
  for (const { x, mean } of all.flat()) {
    const place = Math.round(x);
    if (Number.isFinite(mean)) shared.set(place, [...(shared.get(place) ?? []), mean]);
  }
  return [...shared]
    .sort(([one], [other]) => one - other)
    .flatMap(([x, values]) => {
      const spread = spreadOf(values);
      return spread ? [{ x, mean: spread.mean, low: spread.least, high: spread.most }] : [];
    });
}
