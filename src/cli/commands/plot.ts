/** `distillm plot`: draws what runs logged, several over each other, as an HTML report or an SVG file. */
import { existsSync, readFileSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import * as z from 'zod';
import { type ChartName, chartNames, plotRuns, type RunLog, readRunLog, reportRuns } from '../../entries/report.js';
import { CheckpointError, OptionError } from '../../index.js';
import { quotedPath } from '../../inWords.js';
import { systemReason } from '../../systemReason.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { counted } from '../format.js';
import { given, optional, text } from '../options.js';
import { drawingFile, namesIn, reportFile, tryFile, writing } from '../outputs.js';
import { note, wrapped } from '../terminal.js';

/** What is written, by the ending of its name. */
const kinds = new Map([
  ['.html', reportFile],
  ['.svg', drawingFile],
]);

const isChart = (name: string): name is ChartName => (chartNames as readonly string[]).includes(name);

const charts = text.transform((value, context): ChartName[] => {
  const names = value.split(',').map((name) => name.trim());
  if (names.every(isChart) && new Set(names).size === names.length) return names;
  context.addIssue({
    code: 'custom',
    message: `some of ${chartNames.join(', ')}, each once, with commas between them`,
  });
  return z.NEVER;
});

export const plot = defineCommand({
  name: 'plot',
  summary: 'draws the curves of runs, several over each other',
  description:
    'Draws what runs logged: losses, ROUGE-L, phi, what each step trained on, agreement with the teacher, gradient norms. The file is an HTML report ' +
    'that needs no network, with tables and answers, or an SVG of the charts alone. A run is the folder that train wrote ' +
    '(its --out), or a log of its own (its --log); one that is still going on can be drawn, too. A folder of runs stands ' +
    'for all that are in it. The path of the file goes to stdout.',
  example: [
    'distillm plot runs/dolly',
    'distillm plot runs/sft runs/kd runs/distillm --out compared.html',
    'distillm plot runs --title "All that was tried"',
    'distillm plot runs/kd runs/distillm --charts trainingLoss,rougeL --out figure.svg',
  ].join('\n'),
  words: '<runs...>',
  options: {
    Options: {
      out: optional(
        '<file>',
        text,
        'a name that ends in .html or .svg (default: plot.html in the folder, or beside the log of the first run)',
      ),
      charts: optional('<names>', charts, `only these: ${chartNames.join(', ')} (default: all that were measured)`),
      title: optional('<text>', text, "the report's heading (default: the names of the runs, or how many they are)"),
    },
  },
  async run({ out, charts, title }, { stdout, stderr }, words) {
    const found = words.flatMap(logsIn);
    const logs = found.map(({ log }) => log);
    const places = logs.map((log) => resolve(log));
    const twice = places.find((place, at) => places.indexOf(place) !== at);
    if (twice !== undefined) throw new OptionError(`${twice} is named twice. Name each run once.`, { found: twice });
    const [word] = words as [string];
    const beside = words.length === 1 && statSync(word).isDirectory() ? word : dirname(logs[0] as string);
    const file = out ?? join(beside, 'plot.html');
    const kind = kinds.get(extname(file).toLowerCase());
    if (!kind) {
      throw new OptionError(`--out ${file} is no name of a report, expected one that ends in .html or .svg.`, {
        found: file,
      });
    }
    tryFile('--out', file, kind, logs);
    const names = namesOf(found);
    const runs = logs.map((log, i) => readLog(log, names[i] as string));
    for (const { name, cut } of runs) {
      if (cut) note(stderr, `${name}: the last line of the log is cut, and left out.`);
    }
    const drawn =
      kind === reportFile
        ? reportRuns(runs, { title: title ?? headingOf(names), ...given({ charts }) })
        : plotRuns(runs, given({ charts }));
    writing('--out', file, () => writeFileSync(file, drawn));
    const steps = runs.reduce((sum, run) => sum + run.steps.length, 0);
    const what = `${counted(runs.length, 'run')} with ${counted(steps, 'step')}`;
    const where =
      out === undefined && words.length > 1
        ? ` The file is in the folder of the first run, ${beside}; --out FILE puts it elsewhere.`
        : '';
    stderr.write(`${wrapped(`Drew ${what}.${where} Open the file in a browser:`, stderr)}\n`);
    stdout.write(`${file}\n`);
    return exitCodes.done;
  },
});

/** Names that a heading takes. */
const mostNames = 3;

const headingOf = (names: readonly string[]): string =>
  names.length > mostNames ? counted(names.length, 'run') : names.join(', ');

/** A log, and the path of its run as it was given. */
interface FoundLog {
  readonly path: string;
  readonly log: string;
}

const logFileName = 'log.jsonl';

/** @throws CheckpointError where the system does not let it be looked at */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new CheckpointError(`${path} cannot be read: ${systemReason(cause)}`, { found: path, cause });
  }
}

/**
 * A file itself, the log of a run's folder, or those of all runs in a folder of runs, by their names.
 * @throws CheckpointError where there is none
 */
function logsIn(path: string): FoundLog[] {
  const found = statOf(path);
  if (!found) throw new CheckpointError(`${path}: there is no such file or folder. Check the path.`, { found: path });
  if (!found.isDirectory()) return [{ path, log: path }];
  const log = join(path, logFileName);
  if (existsSync(log)) return [{ path, log }];
  const runs = namesIn(path)
    .sort()
    .map((name) => join(path, name))
    .filter((run) => existsSync(join(run, logFileName)));
  if (runs.length > 0) return runs.map((run) => ({ path: run, log: join(run, logFileName) }));
  const above = dirname(resolve(path));
  const advice = existsSync(join(above, logFileName))
    ? `Did you mean ${quotedPath(dirname(path))}?`
    : "Name the folder that 'distillm train' wrote (--out), or the file that it logged to (--log).";
  throw new CheckpointError(`${path} holds no ${logFileName}, the log of a run. ${advice}`, {
    found: path,
    expected: log,
  });
}

/** The shortest names by which the runs can be told apart: those of their folders, else their paths as they were given. */
function namesOf(found: readonly FoundLog[]): string[] {
  const names = found.map(({ log }) =>
    basename(log) === logFileName ? basename(dirname(resolve(log))) : basename(log, '.jsonl'),
  );
  return new Set(names).size === names.length ? names : found.map(({ path }) => path);
}

/** Messages name the file, charts the run. */
function readLog(log: string, name: string): RunLog {
  let content: string;
  try {
    content = readFileSync(log, 'utf8');
  } catch (cause) {
    throw new CheckpointError(`${log} cannot be read: ${systemReason(cause)}`, { cause });
  }
  return { ...readRunLog(content, log), name };
}
