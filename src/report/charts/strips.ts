/** What a pointer finds: a strip of the area for each x, whose words a browser shows beside the pointer. No script. */
import { element, escaped } from '../markup.js';
import type { Area } from './drawing.js';
import { fillOf } from './theme.js';

export interface Reading {
  /** Pixels from the left edge of the drawing. */
  readonly at: number;
  /** 'step 120' */
  readonly place: string;
  /** 'DistiLLM 0.412' */
  readonly values: readonly string[];
}

/** More than these are too narrow to be pointed at. */
const most = 160;

/** @param readings in any order; those of one pixel share a strip */
export function drawStrips(readings: readonly Reading[], { left, top, width, height }: Area): string[] {
  const shared = new Map<number, Reading>();
  for (const reading of readings) {
    const pixel = Math.round(reading.at);
    const other = shared.get(pixel);
    shared.set(pixel, other ? { ...other, values: [...other.values, ...reading.values] } : reading);
  }
  const strips = [...shared.values()].sort((one, other) => one.at - other.at);
  if (strips.length > most) return [];
  return strips.map(({ at, place, values }, i) => {
    const from = i === 0 ? left : ((strips[i - 1] as Reading).at + at) / 2;
    const to = i === strips.length - 1 ? left + width : ((strips[i + 1] as Reading).at + at) / 2;
    const words = element('title', {}, escaped([place, ...values].join('\n')));
    const size = { x: from, y: top, width: Math.max(1, to - from), height };
    const { class: name, fill } = fillOf('ink');
    return element('rect', { ...size, fill, 'fill-opacity': 0, class: `${name} strip` }, words);
  });
}

/** Four digits, as a reader compares them. */
export const readable = (value: number): string =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)));
