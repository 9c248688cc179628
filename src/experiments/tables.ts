/** Tables of an experiment: what each configuration came to, and how the claims fared; for a page and as Markdown. */
import type { Table } from '../report/page/tables.js';
import { replicateAxis } from './file.js';
import { nameOf } from './grid.js';
import { wordsOf } from './measures.js';
import { type ClaimResult, type Configuration, type Spread, spreadIn } from './summary.js';

/** "41.20 ± 0.81"; of one value the value alone. */
function briefly(spread: Spread | undefined, digits: number): string {
  if (!spread) return '';
  const { mean, deviation, values } = spread;
  return values.length === 1 ? mean.toFixed(digits) : `${mean.toFixed(digits)} \u00b1 ${deviation.toFixed(digits)}`;
}

/** "41.20 ± 0.81 (40.32 to 41.91)". */
export function spreadInWords(spread: Spread | undefined, digits: number): string {
  const words = briefly(spread, digits);
  if (!spread || spread.values.length === 1) return words;
  return `${words} (${spread.least.toFixed(digits)} to ${spread.most.toFixed(digits)})`;
}

/** What a configuration is called, by its labels on the axes on which several differ. */
export function namesOf(configurations: readonly Configuration[]): string[] {
  const axes = axesOf(configurations);
  const differing = axes.filter((axis) => new Set(configurations.map(({ labels }) => labels[axis])).size > 1);
  const told = differing.length > 0 ? differing : axes;
  return configurations.map(({ labels }) =>
    nameOf(Object.fromEntries(told.flatMap((axis) => (labels[axis] === undefined ? [] : [[axis, labels[axis]]])))),
  );
}

/** The axes of which any configuration has a label, in order. */
const axesOf = (configurations: readonly Configuration[]): string[] => [
  ...new Set(configurations.flatMap(({ labels }) => Object.keys(labels))),
];

/**
 * A row a configuration, a column a measure; those of which nothing is known are left out.
 * @param isWide also the least and the largest value of each
 */
export function resultTable(
  configurations: readonly Configuration[],
  measures: readonly string[],
  { isWide = false } = {},
): Table {
  const axes = axesOf(configurations);
  const shown = measures.filter((measure) => configurations.some((each) => spreadIn(each, measure)));
  const [first] = shown;
  const largest = Math.max(...configurations.map((each) => (first && spreadIn(each, first)?.mean) || 0));
  const headingOf = (measure: string) => {
    const { title, unit } = wordsOf(measure);
    return unit ? `${title}, ${unit}` : title;
  };
  return {
    headings: [...axes, `${replicateAxis}s`, ...shown.map(headingOf)],
    rows: configurations.map((each) => [
      ...axes.map((axis) => each.labels[axis] ?? ''),
      String(each.runs.length),
      ...shown.map((measure) => {
        const spread = spreadIn(each, measure);
        const words = (isWide ? spreadInWords : briefly)(spread, wordsOf(measure).digits);
        return measure === first && spread && largest > 0 ? { text: words, share: spread.mean / largest } : words;
      }),
    ]),
  };
}

export function claimTable(claims: readonly ClaimResult[]): Table {
  return {
    headings: ['claim', 'at this scale', 'measured', '95% interval', 'pairs'],
    rows: claims.map(({ text, measure, spread, interval, holding, verdict }) => [
      text,
      verdict,
      spread ? `${wordsOf(measure).title}: ${briefly(spread, 2)}` : '',
      interval ? `${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}` : '',
      spread ? `${holding} of ${spread.values.length}` : '',
    ]),
  };
}

/** What the table of claims has in its columns. */
export const aboutClaims =
  'Pairs are runs that are alike but for what is compared; measured is the mean \u00b1 standard deviation of their differences or ' +
  "ratios. A claim holds, or does not, only where the whole 95% interval of the mean (Student's t) says so.";

/** The table as Markdown. */
export function markdownTable({ headings, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownText).join(' | ')} |`;
  const written = rows.map((cells) => line(cells.map((cell) => (typeof cell === 'string' ? cell : cell.text))));
  return [line(headings), `|${' --- |'.repeat(headings.length)}`, ...written].map((each) => `${each}\n`).join('');
}

/** Words in a line of Markdown, in which nothing of them is taken for its marks, or for HTML. */
export const markdownText = (words: string): string =>
  words
    .replace(/[\\|*`[\]]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\s+/g, ' ');
