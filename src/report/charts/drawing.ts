/**
 * A chart's frame: title, unit, legend, axes and their numbers. What is inside is drawn by the kinds of charts, which
 * get the area that is left.
 */
import { type Attributes, element, escaped } from '../markup.js';
import type { Scale } from './scale.js';
import { shortened, textWidth } from './text.js';
import { fillOf, strokeOf } from './theme.js';

/** SVG without its outer element: a page scales one, a file of several puts them side by side. */
export interface Drawing {
  readonly title: string;
  /** In pixels at which its text has the size of a page's. */
  readonly width: number;
  readonly height: number;
  readonly content: string;
}

/** Where a chart's values go, in pixels from the drawing's corner. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface LegendEntry {
  readonly name: string;
  /** Draws the sample, `size` pixels wide, whose middle is at (x, y). */
  sample(x: number, y: number, size: number): string;
}

export interface Frame {
  readonly title: string;
  /** What the vertical axis measures, with its unit. */
  readonly unit: string;
  readonly legend: readonly LegendEntry[];
  readonly x: { readonly scale: Scale; readonly name: string };
  readonly y: Scale;
  /** What a reader should know besides, in a line below. */
  readonly note?: string | undefined;
  /** There is nothing to draw: the frame says so in place of axes. */
  readonly empty: boolean;
}

/** Two of these fit on a tablet, three on a desk, and one fills a phone, with text of nearly the same size. */
const width = 400;
const plotHeight = 176;
const small = 11.5;
const margin = { left: 6, right: 12 };

/** @param draw what is inside the area, back to front */
export function drawFrame(frame: Frame, draw: (area: Area) => readonly string[]): Drawing {
  const { title, unit, legend, x, y, note, empty } = frame;
  const rows = legendRows(legend);
  const top = 48 + (rows.length > 0 ? 6 + rows.length * 17 : 0);
  const labels = Math.max(...y.ticks.map(({ label }) => textWidth(label, small)), 8);
  const left = margin.left + labels + 7;
  const area = { left, top, width: width - left - margin.right, height: plotHeight };
  const bottom = top + plotHeight;
  const height = bottom + 38 + (note ? 16 : 0);
  const content = [
    text(margin.left, 17, shortened(title, width - 18, 14.5), {
      'font-size': 14.5,
      'font-weight': 600,
      ...fillOf('ink'),
    }),
    text(margin.left, 34, shortened(unit, width - 18, small), { 'font-size': small, ...fillOf('muted') }),
    ...rows.flatMap((row, i) => row.map(({ entry, at }) => drawEntry(entry, at, 52 + i * 17))),
    ...(empty
      ? [
          element('rect', { x: left, y: top, width: area.width, height: plotHeight, rx: 4, ...fillOf('panel') }),
          centred(left + area.width / 2, top + plotHeight / 2 + 4, 'nothing was measured'),
        ]
      : [...drawAxes(frame, area), ...draw(area)]),
    ...(empty ? [] : [text(width - margin.right, bottom + 33, x.name, { ...small11, 'text-anchor': 'end' })]),
    ...(note ? [text(margin.left, bottom + 50, note, small11)] : []),
  ];
  return { title, width, height, content: content.join('') };
}

const small11 = { 'font-size': small, ...fillOf('muted') };

export const text = (x: number, y: number, words: string, attributes: Attributes): string =>
  element('text', { x, y, ...attributes }, escaped(words));

const centred = (x: number, y: number, words: string): string =>
  text(x, y, words, { ...small11, 'text-anchor': 'middle' });

function drawAxes({ x, y }: Frame, { left, top, width, height }: Area): string[] {
  const bottom = top + height;
  const level = (place: number) => bottom - place * height;
  const across = (at: number, attributes: Attributes) =>
    element('path', { d: `M${left} ${at}h${width}`, 'stroke-width': 1, ...attributes });
  return [
    ...y.ticks.map(({ value }) => across(level(y.place(value)), strokeOf('rule'))),
    ...y.ticks.map(({ value, label }) =>
      text(left - 7, level(y.place(value)) + 4, label, { ...small11, 'text-anchor': 'end' }),
    ),
    across(bottom, strokeOf('muted')),
    ...x.scale.ticks.map(({ value, label }) => {
      const at = left + x.scale.place(value) * width;
      // The last one would be cut at the edge.
      const end = at + textWidth(label, small) / 2 > left + width + margin.right;
      return text(end ? left + width + margin.right : at, bottom + 16, label, {
        ...small11,
        'text-anchor': end ? 'end' : 'middle',
      });
    }),
  ];
}

const sampleSize = 20;
const gap = { afterSample: 5, betweenEntries: 14 };

interface PlacedEntry {
  readonly entry: LegendEntry;
  readonly at: number;
}

/** Entries from left to right, in as many rows as they need. */
function legendRows(legend: readonly LegendEntry[]): PlacedEntry[][] {
  const rows: PlacedEntry[][] = [];
  let at = Number.POSITIVE_INFINITY;
  for (const entry of legend) {
    const name = nameOf(entry);
    const wide = sampleSize + gap.afterSample + textWidth(name, small);
    if (at + wide > width - margin.right) {
      rows.push([]);
      at = margin.left;
    }
    rows.at(-1)?.push({ entry, at });
    at += wide + gap.betweenEntries;
  }
  return rows;
}

const nameOf = ({ name }: LegendEntry): string => shortened(name, width - 60, small);

function drawEntry(entry: LegendEntry, at: number, y: number): string {
  const name = nameOf(entry);
  return (
    entry.sample(at + sampleSize / 2, y, sampleSize) +
    text(at + sampleSize + gap.afterSample, y + 4, name, { 'font-size': small, ...fillOf('ink') })
  );
}
