/** Curves over steps, or over any other number, several in one chart, told apart by colour, dashes and marks. */
import { counted } from '../../errors.js';
import { element, hundredths } from '../markup.js';
import { type Bin, binned, type Point } from './bins.js';
import { type Drawing, drawFrame, type LegendEntry } from './drawing.js';
import { linearScale, type Scale } from './scale.js';
import { drawStrips, readable } from './strips.js';
import { alike, styleOf } from './theme.js';

export interface Line {
  readonly name: string;
  /** With x that rises. */
  readonly points: readonly Point[];
  /** How far the values behind each point reach, where a point is a mean: of several runs, say. */
  readonly bins?: readonly Bin[];
  /** Which of the series it is: the same run looks the same in every chart. */
  readonly series: number;
}

export interface LineChart {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
  /** Last step of the axis. */
  readonly steps: number;
  /** The horizontal axis where it has no steps. Curves have few points then, which are drawn as they are. */
  readonly x?: HorizontalAxis;
  /** The vertical axis for values as they are drawn. */
  scale(values: readonly number[]): Scale;
  /** Every value is a measurement of its own, worth a mark. */
  readonly marks?: boolean;
}

/** What stands along a chart, other than steps. */
export interface HorizontalAxis {
  readonly name: string;
  readonly scale: Scale;
}

/** Bins of a curve: two and a half pixels each. */
const most = 140;

export function lineChart({ title, unit, lines, steps, x: axis, scale, marks = false }: LineChart): Drawing {
  const x = axis?.scale ?? linearScale([], { from: 0, to: steps, whole: true });
  const curves = lines.map((line) => ({
    ...line,
    bins: line.bins ?? binned(line.points, { from: 0, to: steps, most }),
  }));
  const y = scale(curves.flatMap(({ bins }) => bins.flatMap(({ low, high }) => [low, high])));
  const measured = lines.flatMap(({ points }) => points.map((point) => point.y));
  const missing = measured.filter((value) => !Number.isFinite(value)).length;
  const notes = [
    ...(missing > 0 ? [`${counted(missing, 'value', 'are')} not finite: a gap`] : []),
    ...(alike(lines.map(({ series }) => series)) ? ['there are more runs than styles: some look the same'] : []),
  ];
  const longest = Math.max(...lines.map(({ points, bins }) => (bins ? 0 : points.length)), 0);
  const together = longest > most ? `, mean and range of ${Math.ceil(longest / most)} steps` : '';
  const frame = {
    title,
    unit: `${unit}${together}${y.kind === 'log' ? ', log scale' : ''}`,
    legend: lines.length > 1 ? curves.map((curve) => entryOf(curve, marks)) : [],
    x: { scale: x, name: axis?.name ?? 'optimizer step' },
    y,
    note: notes.length > 0 ? notes.join('; ') : undefined,
    empty: missing === measured.length,
  };
  return drawFrame(frame, (area) => {
    const place = (step: number, value: number): Place => ({
      x: area.left + x.place(step) * area.width,
      y: area.top + (1 - y.place(value)) * area.height,
    });
    const at = (bin: Bin) => place(bin.x, bin.mean);
    const readings = curves.flatMap(({ name, bins }) =>
      bins.filter(isMeasured).map((bin) => ({
        at: at(bin).x,
        place: axis ? `${axis.name} ${readable(bin.x)}` : `step ${Math.round(bin.x).toLocaleString('en')}`,
        values: [`${lines.length > 1 ? `${name} ` : ''}${readable(bin.mean)}`],
      })),
    );
    return [
      ...curves.map((curve) => drawRange(curve, place)),
      ...curves.map(({ bins, series }) =>
        drawCurve(
          runsOf(bins).map((part) => part.map(at)),
          series,
        ),
      ),
      ...curves.flatMap(({ bins, series }) => {
        const lone = runsOf(bins).flatMap((part) => (part.length === 1 ? part : []));
        return (marks ? bins.filter(isMeasured) : lone).map((bin) => drawMark(at(bin), series));
      }),
      ...drawStrips(readings, area),
    ];
  });
}

type Curve = Line & { readonly bins: readonly Bin[] };
interface Place {
  readonly x: number;
  readonly y: number;
}

const isMeasured = ({ mean }: Bin): boolean => Number.isFinite(mean);

/** The parts of a curve between its gaps. */
function runsOf(bins: readonly Bin[]): Bin[][] {
  const parts: Bin[][] = [[]];
  for (const bin of bins) {
    if (isMeasured(bin)) parts.at(-1)?.push(bin);
    else parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

const pathOf = (places: readonly Place[]): string =>
  places.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${hundredths(x)} ${hundredths(y)}`).join('');

/** How far the values of each bin reach. */
function drawRange({ bins, series }: Curve, place: (step: number, value: number) => Place): string {
  const outlines = runsOf(bins)
    .filter((part) => part.some(({ low, high }) => low < high))
    .map((part) => [
      ...part.map(({ x, high }) => place(x, high)),
      ...part.toReversed().map(({ x, low }) => place(x, low)),
    ]);
  const d = outlines.map((outline) => `${pathOf(outline)}Z`).join('');
  return d === '' ? '' : element('path', { d, 'fill-opacity': 0.14, ...styleOf(series).fill });
}

function drawCurve(parts: readonly (readonly Place[])[], series: number): string {
  const d = parts.map((part) => (part.length > 1 ? pathOf(part) : '')).join('');
  const { stroke, dash } = styleOf(series);
  const line = { fill: 'none', 'stroke-width': 2, 'stroke-linejoin': 'round', 'stroke-dasharray': dash, ...stroke };
  return d === '' ? '' : element('path', { d, ...line });
}

/** Marks of one area: a disc, a square, a triangle, a diamond. */
const shapes: readonly string[] = [
  'M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0Z',
  'M-3 -3H3V3H-3Z',
  'M0 -4.3L4 3H-4Z',
  'M0 -4.3L4.3 0L0 4.3L-4.3 0Z',
];

const drawMark = ({ x, y }: Place, series: number): string =>
  element('path', {
    d: shapes[series % shapes.length],
    transform: `translate(${hundredths(x)} ${hundredths(y)})`,
    ...styleOf(series).fill,
  });

const entryOf = ({ name, series }: Line, withMark: boolean): LegendEntry => ({
  name,
  sample: (x, y, size) =>
    drawCurve(
      [
        [
          { x: x - size / 2, y },
          { x: x + size / 2, y },
        ],
      ],
      series,
    ) + (withMark ? drawMark({ x, y }, series) : ''),
});
