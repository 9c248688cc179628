/** Tables of a report. */
import { element, escaped } from '../markup.js';
import { longText } from './longText.js';

/** Text, or a number with a bar behind it that shows it as a share of what is possible. */
export type Cell =
  | string
  | {
      /** What stands in front of the bar. */
      readonly text: string;
      /** Length of the bar, 0 to 1. */
      readonly share: number;
    };

/** What a table shows. */
export interface Table {
  /** Of the columns. */
  readonly headings: readonly string[];
  /** As many cells each as there are columns. The first names the row. */
  readonly rows: readonly (readonly Cell[])[];
}

/** Text of no more letters than this stays on one line: a difference with its interval and p-value, the usual settings of BLEU. */
const oneLine = 36;

/** It scrolls sideways where the page is narrower: the first column stays, and a shade at the edge says that there is more. */
export function drawTable({ headings, rows }: Table): string {
  const head = element(
    'tr',
    {},
    ...headings.map((heading) =>
      element('th', { scope: 'col', class: isLong(heading) ? 'long' : undefined }, escaped(heading)),
    ),
  );
  const body = rows.map((cells) => element('tr', {}, ...cells.map((cell, i) => drawCell(cell, i === 0))));
  const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
  return element('div', { class: 'scroll', tabindex: 0 }, table);
}

/** It gets a column of its own width, so that it does not make all of the header high. */
const isLong = (heading: string): boolean => heading.length > 20;

function drawCell(cell: Cell, isFirst: boolean): string {
  if (isFirst) return element('th', { scope: 'row' }, escaped(typeof cell === 'string' ? cell : cell.text));
  if (typeof cell === 'string')
    return element('td', { class: cell.length <= oneLine ? 'short' : undefined }, longText(cell));
  const share = Math.round(1000 * Math.min(1, Math.max(0, cell.share))) / 1000;
  const bar = element('span', { class: 'bar', style: `--share:${share}` }, '');
  return element('td', { class: 'share' }, bar, element('span', {}, escaped(cell.text)));
}
