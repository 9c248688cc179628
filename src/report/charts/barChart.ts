/**
 * Measures of several things as bars that lie one below the other, so that names of any length stand beside them. A bar may
 * have parts that add up, and a line that shows how far its values reach.
 */
import { element, hundredths } from '../markup.js';
import { type Drawing, text } from './drawing.js';
import { shortened, textWidth } from './text.js';
import { fillOf, strokeOf, styleOf } from './theme.js';

export interface Bar {
  readonly name: string;
  /** Lengths of its parts, in the order of `parts`. */
  readonly values: readonly number[];
  /** Least and largest of the values behind it. */
  readonly range?: readonly [least: number, most: number] | undefined;
  /** What stands after it: "41.2 (40.1-42.0)". */
  readonly label: string;
}

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  /** Names of the parts, for the legend; of one no legend is needed. */
  readonly parts: readonly string[];
  readonly bars: readonly Bar[];
}

const width = 400;
const small = 11.5;
const row = 24;
const thick = 13;
const left = 6;
const right = 8;
/** Names take no more of the width than this. */
const mostName = 150;

export function barChart({ title, unit, parts, bars }: BarChart): Drawing {
  const legend = parts.length > 1 ? parts : [];
  const top = 48 + (legend.length > 0 ? 20 : 0);
  const names = Math.min(mostName, Math.max(0, ...bars.map(({ name }) => textWidth(name, small))));
  const labels = Math.max(0, ...bars.map(({ label }) => textWidth(label, small)));
  const begin = left + names + 8;
  const room = Math.max(40, width - right - labels - 8 - begin);
  const longest = Math.max(
    ...bars.map(({ values, range }) => Math.max(totalOf(values), range?.[1] ?? 0)).filter(Number.isFinite),
    0,
  );
  const long = (value: number) => (longest > 0 && Number.isFinite(value) ? (Math.max(0, value) / longest) * room : 0);
  const height = top + Math.max(1, bars.length) * row + 8;
  const small11 = { 'font-size': small, ...fillOf('muted') };
  const content = [
    text(left, 17, shortened(title, width - 18, 14.5), { 'font-size': 14.5, 'font-weight': 600, ...fillOf('ink') }),
    text(left, 34, shortened(unit, width - 18, small), small11),
    ...drawLegend(legend),
    ...(bars.length === 0 ? [text(left, top + 16, 'nothing was measured', small11)] : []),
    ...bars.flatMap(({ name, values, range, label }, i) => {
      const middle = top + i * row + row / 2;
      let at = begin;
      const drawn = values.map((value, part) => {
        const from = at;
        at += long(value);
        return element('rect', {
          x: from,
          y: middle - thick / 2,
          width: Math.max(0, at - from),
          height: thick,
          ...styleOf(part).fill,
        });
      });
      const reach =
        range && range[0] < range[1] ? drawRange(begin + long(range[0]), begin + long(range[1]), middle) : [];
      const end = Math.max(at, begin + long(range?.[1] ?? 0));
      return [
        text(begin - 8, middle + 4, shortened(name, mostName, small), {
          'font-size': small,
          'text-anchor': 'end',
          ...fillOf('ink'),
        }),
        ...drawn,
        ...reach,
        text(end + 6, middle + 4, label, { 'font-size': small, ...fillOf('ink') }),
      ];
    }),
    element('path', { d: `M${hundredths(begin)} ${top}V${height - 8}`, 'stroke-width': 1, ...strokeOf('muted') }),
  ];
  return { title, width, height, content: content.join('') };
}

const totalOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function drawRange(from: number, to: number, y: number): string[] {
  const [a, b] = [hundredths(from), hundredths(to)];
  return [
    element('path', {
      d: `M${a} ${y}H${b}M${a} ${y - 3.5}v7M${b} ${y - 3.5}v7`,
      fill: 'none',
      'stroke-width': 1.5,
      ...strokeOf('ink'),
    }),
  ];
}

function drawLegend(parts: readonly string[]): string[] {
  let at = left;
  return parts.flatMap((name, part) => {
    const x = at;
    at += 15 + textWidth(name, small) + 14;
    return [
      element('rect', { x, y: 46, width: 10, height: 10, ...styleOf(part).fill }),
      text(x + 15, 55, name, { 'font-size': small, ...fillOf('ink') }),
    ];
  });
}
