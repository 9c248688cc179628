/** What a report says of runs in tables: how far each came and how well, and in which settings they differ. */
import { distillOptions, flattened } from '../distill/settings.js';
import { leavesOf } from '../settings/index.js';
import { readable } from './charts/strips.js';
import type { Table } from './page/tables.js';
import type { LoggedValidation, RunLog } from './runLog.js';

const whole = (value: number): string => Math.round(value).toLocaleString('en');

/** Optimizer steps over which the last training loss is a mean. */
const lastSteps = 20;

/** A row a run. A column of which no run knows anything is left out. */
export function summaryTable(runs: readonly RunLog[]): Table {
  const rows = runs.map((run): Record<string, string> => {
    const { steps, validations, totalSteps, trainedParameters } = run;
    const done = steps.at(-1)?.step ?? 0;
    const last = steps.slice(-lastSteps);
    const lowest = bestBy(validations, ({ loss }) => (loss === undefined ? undefined : -loss));
    const highest = bestBy(validations, ({ rougeL }) => rougeL);
    const own = steps.filter(({ source }) => source !== 'data').length;
    const seconds = steps.reduce((sum, { stepMs }) => sum + stepMs, 0) / 1000;
    const tokens = steps.reduce((sum, step) => sum + step.tokens, 0);
    return {
      run: run.name,
      parameters: trainedParameters === undefined ? '' : whole(trainedParameters),
      steps: totalSteps === undefined || totalSteps === done ? whole(done) : `${whole(done)} of ${whole(totalSteps)}`,
      [`training loss, last ${lastSteps}`]:
        last.length === 0 ? '' : readable(last.reduce((sum, { loss }) => sum + loss, 0) / last.length),
      'lowest validation loss': lowest?.loss === undefined ? '' : `${readable(lowest.loss)} at ${whole(lowest.step)}`,
      'highest ROUGE-L': highest?.rougeL === undefined ? '' : `${highest.rougeL.toFixed(1)} at ${whole(highest.step)}`,
      'student outputs': own === 0 ? '' : `${Math.round((100 * own) / steps.length)}% of steps`,
      'tokens/s': seconds > 0 ? whole(tokens / seconds) : '',
      'time in steps': seconds > 0 ? timeInWords(seconds) : '',
    };
  });
  const headings = Object.keys(rows[0] ?? {}).filter((name) => rows.some((row) => row[name] !== ''));
  return { headings, rows: rows.map((row) => headings.map((name) => row[name] as string)) };
}

/** The first of those with the highest score; undefined where none has a score. */
function bestBy(
  validations: readonly LoggedValidation[],
  score: (validation: LoggedValidation) => number | undefined,
): LoggedValidation | undefined {
  let best: LoggedValidation | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const validation of validations) {
    const found = score(validation) ?? Number.NaN;
    if (!(found > most)) continue;
    most = found;
    best = validation;
  }
  return best;
}

function timeInWords(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return seconds < 6000 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const inCamelCase = (parts: readonly string[]): string =>
  parts.map((part, i) => (i === 0 ? part : part.charAt(0).toUpperCase() + part.slice(1))).join('');

/** Of a digest the beginning is enough to tell it from others. */
const withShortDigests = (words: string): string => words.replace(/\b([0-9a-f]{12})[0-9a-f]{28,}\b/g, '$1\u2026');

/** Of one run all settings; of several those in which they differ. undefined where there is nothing to show. */
export function settingsTable(runs: readonly RunLog[]): Table | undefined {
  const all = runs.map(({ settings }) => flattened(settings ?? {}));
  const names = [...new Set(all.flatMap((settings) => [...settings.keys()]))];
  const shown = (value: unknown) =>
    value === undefined ? '' : typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const flags = new Map(leavesOf(distillOptions).map(({ path, flag }) => [path.join('.'), flag as unknown]));
  const values = (name: string) => all.map((settings) => shown(settings.get(name)));
  /** A flag that says no more than a setting: lossTopK beside loss.topK, validateEvery beside validation.every. */
  const isTold = (name: string) =>
    !name.includes('.') &&
    names.some((other) => {
      const parts = other.split('.');
      if (parts.length < 2 || ![inCamelCase(parts), parts.at(-1), flags.get(other)].includes(name)) return false;
      const settings = values(other);
      return values(name).every((value, i) => value === '' || value === settings[i]);
    });
  const rows = names
    .filter((name) => !isTold(name))
    .map((name) => [name, ...values(name)])
    .filter(([, ...values]) => runs.length === 1 || new Set(values).size > 1)
    .map((cells) => cells.map(withShortDigests));
  return rows.length === 0 ? undefined : { headings: ['setting', ...runs.map(({ name }) => name)], rows };
}
