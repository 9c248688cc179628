/** `distillm plot`: draws what runs logged, several over each other, as an HTML report or an SVG file. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import * as z from 'zod';
import { type ChartName, chartNames, plotRuns, type RunLog, readRunLog, reportRuns } from '../../entries/report.js';
import { CheckpointError, OptionError } from '../../index.js';
import { systemReason } from '../../systemReason.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { counted } from '../format.js';
import { given, optional, text } from '../options.js';
import { drawingFile, reportFile, tryFile, writing } from '../outputs.js';
import { wrapped } from '../terminal.js';

/** What is written, by the ending of its name. */
const kinds = new Map([
  ['.html', reportFile],
  ['.svg', drawingFile],
]);

const isChart = (name: string): name is ChartName => (chartNames as readonly string[]).includes(name);

const charts = text.transform((value, context): ChartName[] => {
  const names = value.split(',').map((name) => name.trim());
  if (names.every(isChart)) return names;
  context.addIssue({ code: 'custom', message: `some of ${chartNames.join(', ')}, with commas between them` });
  return z.NEVER;
});

export const plot = defineCommand({
  name: 'plot',
  summary: 'draws the curves of runs, several over each other',
  description:
    'Draws what runs logged: losses, ROUGE-L, phi, what each step trained on, gradient norms. The file is an HTML report ' +
    'that needs no network, with tables and answers, or an SVG of the charts alone. A run is the folder that train wrote ' +
    '(its --out), or a log of its own (its --log); one that is still going on can be drawn, too. The path of the file goes ' +
    'to stdout.',
  example: [
    'distillm plot runs/dolly',
    'distillm plot runs/sft runs/kd runs/distillm --out compared.html',
    'distillm plot runs/kd runs/distillm --charts loss,rougeL --out figure.svg',
  ].join('\n'),
  words: '<runs...>',
  options: {
    Options: {
      out: optional(
        '<file>',
        text,
        'a name that ends in .html or .svg (default: plot.html beside the log of the first run)',
      ),
      charts: optional('<names>', charts, `only these: ${chartNames.join(', ')} (default: all that were measured)`),
      title: optional('<text>', text, "the report's heading (default: the names of the runs)"),
    },
  },
  async run({ out, charts, title }, { stdout, stderr }, words) {
    const logs = words.map(logOf);
    const places = logs.map((log) => resolve(log));
    const twice = places.find((place, at) => places.indexOf(place) !== at);
    if (twice !== undefined) throw new OptionError(`${twice} is named twice. Name each run once.`, { found: twice });
    const file = out ?? join(dirname(logs[0] as string), 'plot.html');
    const kind = kinds.get(extname(file).toLowerCase());
    if (!kind) {
      throw new OptionError(`--out ${file} is no name of a report, expected one that ends in .html or .svg.`, {
        found: file,
      });
    }
    tryFile('--out', file, kind, logs);
    const names = namesOf(words, logs);
    const runs = logs.map((log, i) => readLog(log, names[i] as string));
    for (const { name, cut } of runs) {
      if (cut) stderr.write(`${wrapped(`Note: ${name}: the last line of the log is cut, and left out.`, stderr)}\n`);
    }
    const drawn =
      kind === reportFile
        ? reportRuns(runs, { title: title ?? names.join(', '), ...given({ charts }) })
        : plotRuns(runs, given({ charts }));
    writing('--out', file, () => writeFileSync(file, drawn));
    const steps = runs.reduce((sum, run) => sum + run.steps.length, 0);
    const what = `${counted(runs.length, 'run')} with ${counted(steps, 'step')}`;
    stderr.write(`${wrapped(`Drew ${what}. Open the file in a browser:`, stderr)}\n`);
    stdout.write(`${file}\n`);
    return exitCodes.done;
  },
});

/** The log of a run's folder, or the file itself. @throws CheckpointError where there is none */
function logOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new CheckpointError(`${path}: there is no such file or folder. Check the path.`, { found: path });
  if (!found.isDirectory()) return path;
  const log = join(path, 'log.jsonl');
  if (existsSync(log)) return log;
  const above = dirname(resolve(path));
  const advice = existsSync(join(above, 'log.jsonl'))
    ? `Did you mean ${dirname(path)}?`
    : "Name the folder that 'distillm train' wrote (--out), or the file that it logged to (--log).";
  throw new CheckpointError(`${path} holds no log.jsonl, the log of a run. ${advice}`, { found: path, expected: log });
}

/** The shortest names by which the runs can be told apart: those of their folders, else their paths as they were given. */
function namesOf(words: readonly string[], logs: readonly string[]): string[] {
  const names = logs.map((log) =>
    basename(log) === 'log.jsonl' ? basename(dirname(resolve(log))) : basename(log, '.jsonl'),
  );
  return new Set(names).size === names.length ? names : [...words];
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
