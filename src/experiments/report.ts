/** An experiment's results as files: one HTML page, a Markdown text, a JSON value, and each figure as an SVG. */

import { element, escaped } from '../report/markup.js';
import { drawFigures, drawPage, type Section } from '../report/page/page.js';
import { drawTable } from '../report/page/tables.js';
import type { RunLog } from '../report/runLog.js';
import { drawSheet } from '../report/sheet.js';
import { type DrawnRun, drawFigure, usualFigures } from './figures.js';
import { type ExperimentSpec, replicateAxis } from './file.js';
import { usualMeasures } from './measures.js';
import { type ClaimResult, configurationsOf, judge, type Spread, spreadIn } from './summary.js';
import { aboutClaims, claimTable, markdownTable, markdownText, resultTable } from './tables.js';

/** A run that has its results. */
export interface FinishedRun extends DrawnRun {
  /** Names the run: see `distillm experiment --help`. */
  readonly digest: string;
  /** Where its model and its log are. */
  readonly folder: string;
  /** What its commands noted. */
  readonly notes: readonly string[];
}

/** What did not come to its end. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

export interface ExperimentResults {
  readonly spec: ExperimentSpec;
  /** Runs of the grid, with those that are not made yet. */
  readonly total: number;
  readonly runs: readonly FinishedRun[];
  readonly failures: readonly Failure[];
}

/** The files by their names. */
export interface ReportFiles {
  readonly 'report.html': string;
  readonly 'results.md': string;
  readonly 'results.json': string;
  readonly [figure: `figure-${number}.svg`]: string;
}

/** By which a folder of results is known again. */
export const resultsBegin = '{\n "experiment": ';

/** The files of an experiment's folder, by their names. */
export function reportExperiment({ spec, total, runs, failures }: ExperimentResults): ReportFiles {
  const { title, about, claims: claimed } = spec;
  const measures = spec.measures ?? usualMeasures(spec.eval !== undefined);
  const configurations = configurationsOf(runs);
  const figures = spec.figures.length > 0 ? spec.figures : usualFigures(measures);
  const drawings = runs.length > 0 ? figures.map((figure) => drawFigure(figure, configurations)) : [];
  const table = resultTable(configurations, measures);
  const claims = claimed.map((claim) => judge(claim, runs));
  const missing = total - runs.length;
  const note =
    `Mean \u00b1 standard deviation over the ${replicateAxis}s.` +
    (missing > 0 ? ` ${missing} of ${total} runs are missing.` : '');
  const notes = notesOf(runs);
  const sections: Section[] = [
    { heading: 'Results', content: drawTable(table) + remark(note) },
    ...(claims.length > 0 ? [{ heading: 'Claims', content: drawTable(claimTable(claims)) + remark(aboutClaims) }] : []),
    ...(drawings.length > 0 ? [{ heading: 'Figures', content: drawFigures(drawings) }] : []),
    ...(failures.length > 0 ? [{ heading: 'What failed', content: drawTable(failureTable(failures)) }] : []),
    ...(notes.length > 0 ? [{ heading: 'What runs noted', content: drawTable(noteTable(notes)) }] : []),
    { heading: 'Settings', content: settingsOf(spec) },
  ];
  const markdown = [
    `# ${markdownText(title)}\n`,
    ...about.map((words) => `${markdownText(words)}\n`),
    markdownTable(resultTable(configurations, measures, { isWide: true })),
    `${note}\n`,
    ...(claims.length > 0 ? [markdownTable(claimTable(claims)), `${aboutClaims}\n`] : []),
    ...(failures.length > 0 ? [markdownTable(failureTable(failures))] : []),
  ];
  const json = {
    experiment: title,
    runs: runs.map(({ labels, digest, folder, measures: all, notes: own, log }) => ({
      ...{ labels, digest, folder, measures: all },
      ...(log && log.steps.length > 0 && { phi: phiPath(log) }),
      ...(own.length > 0 && { notes: own }),
    })),
    configurations: configurations.map((each) => ({
      labels: each.labels,
      runs: each.runs.length,
      measures: Object.fromEntries(
        [...new Set(each.runs.flatMap((run) => Object.keys(run.measures)))].map((name) => [
          name,
          spreadIn(each, name) as Spread,
        ]),
      ),
    })),
    claims: claims satisfies ClaimResult[],
    failures,
    missing,
  };
  return {
    'report.html': drawPage(title, about, sections),
    'results.md': markdown.join('\n'),
    'results.json': `${JSON.stringify(json, undefined, 1)}\n`,
    ...Object.fromEntries(drawings.map((drawing, i) => [`figure-${i + 1}.svg`, drawSheet([drawing])])),
  };
}

const remark = (words: string) => element('p', { class: 'note' }, escaped(words));

/** phi from each step on at which it changes. */
function phiPath({ steps }: RunLog): { readonly step: number; readonly phi: number }[] {
  return steps.filter(({ phi }, i) => i === 0 || phi !== steps[i - 1]?.phi).map(({ step, phi }) => ({ step, phi }));
}

const failureTable = (failures: readonly Failure[]) => ({
  headings: ['run', 'why'],
  rows: failures.map(({ name, message }) => [name, message]),
});

/** What several runs noted, with how many did. */
function notesOf(runs: readonly FinishedRun[]): [note: string, count: number][] {
  const counts = new Map<string, number>();
  for (const note of runs.flatMap(({ notes }) => [...new Set(notes)])) counts.set(note, (counts.get(note) ?? 0) + 1);
  return [...counts];
}

const noteTable = (notes: readonly [note: string, count: number][]) => ({
  headings: ['runs', 'note'],
  rows: notes.map(([note, count]) => [String(count), note]),
});

const settingsOf = ({ prepare, train, eval: scored, axes, leaveOut }: ExperimentSpec): string => {
  const parts = { prepare, train, ...(scored && { eval: scored }), axes, ...(leaveOut.length > 0 && { leaveOut }) };
  const text = element('pre', {}, escaped(JSON.stringify(parts, undefined, 2)));
  return element('details', {}, element('summary', {}, 'What all runs have, and the axes'), text);
};
