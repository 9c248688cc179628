/** Runs as one HTML file, or their charts as one SVG file. Both are functions of their arguments, and run anywhere. */
import { DataError } from '../errors.js';
import { checkOptions } from '../settings/index.js';
import { escaped } from './markup.js';
import { plotOptions, reportOptions, requireRuns } from './options.js';
import { type AnswerCard, drawAnswers } from './page/answers.js';
import { drawFigures, drawPage, type Section } from './page/page.js';
import { drawTable, type Table } from './page/tables.js';
import { answersOf } from './runAnswers.js';
import { type ChartName, drawCharts, usualCharts } from './runCharts.js';
import type { RunLog } from './runLog.js';
import { settingsTable, summaryTable } from './runTables.js';
import { drawSheet } from './sheet.js';

/** A table of a report, with its heading and what should be said below it. */
export interface ReportTable extends Table {
  /** Above the table. */
  readonly heading: string;
  /** A sentence below it. */
  readonly note?: string;
}

/** What a report shows. */
export interface ReportOptions {
  /** Default: 'Training runs'. */
  readonly title?: string;
  /** Paragraphs below the title. Default: none. */
  readonly lead?: readonly string[];
  /** Charts in their order. Default: all of which a run has measured anything. */
  readonly charts?: readonly ChartName[];
  /** Tables above the charts. Default: how far each run came, and how well. */
  readonly tables?: readonly ReportTable[];
  /** Prompts with the answers of several models. Default: those that the runs scored at their validations. */
  readonly answers?: readonly AnswerCard[];
}

/** What a drawing shows. */
export interface PlotOptions {
  /** Charts in their order. Default: all of which a run has measured anything. */
  readonly charts?: readonly ChartName[];
}

/**
 * A report of runs: tables, charts with all runs over each other, answers, settings. One HTML file without scripts that
 * needs no network, in the reader's colour scheme, for any width.
 * @param runs as `readRunLog` gives them, or made of a run's events
 * @throws OptionError for what is no run, and for options of another kind
 * @example
 * await writeFile('report.html', reportRuns([{ name: 'mine', steps, validations }], { title: 'My first run' }));
 */
export function reportRuns(runs: readonly RunLog[], options: ReportOptions = {}): string {
  requireRuns('reportRuns', runs);
  const { title, lead, charts, tables, answers } = checkOptions('reportRuns', reportOptions, options);
  const drawings = drawCharts(runs, charts ?? usualCharts(runs));
  const cards = (answers as readonly AnswerCard[] | undefined) ?? answersOf(runs);
  const settings = settingsTable(runs);
  const above: readonly ReportTable[] = (tables as readonly ReportTable[] | undefined) ?? [
    { heading: 'Runs', ...summaryTable(runs) },
  ];
  const sections: Section[] = [
    ...above.map(({ heading, note, ...table }) => ({
      heading,
      content: drawTable(table) + (note ? `<p class="note">${escaped(note)}</p>` : ''),
    })),
    ...(drawings.length > 0 ? [{ heading: 'Curves', content: drawFigures(drawings) }] : []),
    ...(cards.length > 0 ? [{ heading: 'Answers', content: drawAnswers(cards) }] : []),
    ...(settings ? [settingsSection(settings, runs.length > 1)] : []),
  ];
  return drawPage(title, lead, sections);
}

/**
 * The charts of runs as one SVG file on white: for papers, slides and viewers that know no style sheets.
 * @param runs as `readRunLog` gives them, or made of a run's events
 * @throws DataError where no run has measured anything of the charts
 * @throws OptionError for what is no run, and for options of another kind
 */
export function plotRuns(runs: readonly RunLog[], options: PlotOptions = {}): string {
  requireRuns('plotRuns', runs);
  const { charts } = checkOptions('plotRuns', plotOptions, options);
  const drawings = drawCharts(runs, charts ?? usualCharts(runs));
  if (drawings.length > 0) return drawSheet(drawings);
  const names = runs.map(({ name }) => name).join(', ');
  throw new DataError(`plotRuns: ${names}: nothing was measured of ${charts?.join(', ')}. Choose other charts.`, {
    found: [],
    expected: charts,
  });
}

function settingsSection(settings: Table, several: boolean): Section {
  const summary = several ? 'Only settings that differ' : 'All settings';
  return {
    heading: 'Settings',
    content: `<details${several ? ' open' : ''}><summary>${summary}</summary>${drawTable(settings)}</details>`,
  };
}
