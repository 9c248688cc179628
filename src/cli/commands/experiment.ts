/** `distillm experiment`: a grid of runs on one task, each trained and scored once, with tables, figures and claims. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import * as z from 'zod';
import { type RunLog, readRunLog } from '../../entries/report.js';
import { type ExperimentSpec, firstAxisOf, labelsOf, readExperiment, requireRuns } from '../../experiments/file.js';
import { usualMeasures } from '../../experiments/measures.js';
import { type FinishedRun, reportExperiment, resultsBegin } from '../../experiments/report.js';
import { CheckpointError, OptionError, openFolder } from '../../index.js';
import { didYouMean } from '../../requireOption.js';
import { systemReason } from '../../systemReason.js';
import { type CommandFactory, defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { contents } from '../experiment/contents.js';
import { listRuns } from '../experiment/dryRun.js';
import { type Job, jobsOf, keyOf, type PlannedRun, planExperiment } from '../experiment/plan.js';
import { type Grid, isDone, leftOf, measuresOf, runAll } from '../experiment/runAll.js';
import { madeBy, openShelf, type Shelf } from '../experiment/runJob.js';
import { times } from '../experiment/timeLeft.js';
import { counted } from '../format.js';
import type { Interrupt } from '../interrupts.js';
import { count, flag, type OptionSpec, optional, text, withDefault } from '../options.js';
import { tryFolder } from '../outputs.js';
import { progressLine } from '../progress.js';
import { noted, type Terminal, wrapped } from '../terminal.js';

const places = text.transform((value, context): [axis: string, label: string][] => {
  const [, axis, label] = /^([^=]+)=(.+)$/.exec(value) ?? [];
  if (axis !== undefined && label !== undefined) return [[axis, label]];
  context.addIssue({ code: 'custom', message: 'an axis and one of its values, as in seed=1' });
  return z.NEVER;
});

/** What the command needs of the program that it is a part of. */
interface Program {
  readonly commands: readonly CommandFactory[];
  run(words: readonly string[], terminal: Terminal): Promise<number>;
}

export const experimentOf = (program: Program): CommandFactory =>
  defineCommand({
    name: 'experiment',
    summary: 'runs a grid of methods, losses, policies and seeds, and compares them',
    description:
      'Runs what a file describes: models that are prepared once, a run for each combination of the values of its axes, and ' +
      'the scores of each. What has its result is not run again, by a digest of its settings and of what is in its files; a ' +
      'run that was killed goes on. Several failures do not end the rest. OUT/NAME, of NAME.json, gets report.html, ' +
      'results.md, results.json and the figures as SVG; models and results are in OUT/prepared, OUT/runs and OUT/scores, ' +
      'which all experiments share. The result is one line of JSON on stdout.',
    example: [
      'distillm experiment examples/experiments/losses.json --dry-run',
      'distillm experiment examples/experiments/losses.json',
    ].join('\n'),
    words: '<file>',
    options: {
      Options: {
        out: withDefault('<folder>', text, 'where models and results of experiments go', 'runs/experiments'),
        only: optional(
          '<axis=value...>',
          places,
          'makes only the runs at these places of the axes: of one axis any of them, of several all; the report has what is there',
        ),
        threads: optional(
          '<number>',
          count,
          "threads of the 'wasm' device, which change no result (default: all cores)",
        ),
        dryRun: flag(
          'lists the runs, which of them are there, and what the others would take; in OUT nothing is written. Each kind of training is ' +
            'measured for some seconds, with models of one step where none are prepared yet',
        ),
      },
    },
    rules: [
      (_, words) => (words.length === 1 ? undefined : `experiment takes one file, and got ${words.length}. Name one.`),
    ],
    async run({ out, only, threads, dryRun }, terminal, [path = '']) {
      const { stdout, stderr } = terminal;
      const beside = (name: string) => join(dirname(path), name);
      const file = readExperiment(readText(path), path, (name) => ({
        content: readText(beside(name)),
        path: beside(name),
      }));
      const { spec } = file;
      tryFolder('--out', out, { isWritten: !dryRun });
      const folder = join(out, basename(path, extname(path)));
      checkResults(folder);
      const facts = new Map(program.commands.map(({ facts: each }) => [each.name, each]));
      const all = await planExperiment({ file, folder: dirname(path), commands: facts, contents: contents() });
      requireRuns(all.length, path);
      const runs = all.filter(chosenBy(only ?? [], file.spec));
      const shelf = openShelf(out);
      const line = progressLine(terminal);
      const grid: Grid = { runs, done: new Map(), known: times(), line };
      for (const [key, job] of jobsOf(all)) {
        const damaged = (name: string, why: string) =>
          line.print(noted(`${name} is damaged: ${why}. It is made anew.`));
        const result = shelf.resultOf(job, damaged);
        if (!result) continue;
        grid.known.add(job, result.seconds);
        grid.done.set(key, result);
      }
      // What needs others comes first: what is made anew needs them, too.
      for (const [key, job] of [...jobsOf(all)].reverse()) {
        if (grid.done.has(key) && isNeeded(job, all, grid.done) && !existsSync(madeBy(shelf, job))) {
          line.print(noted(`what ${job.name} made is gone (${madeBy(shelf, job)}). It is made anew.`));
          grid.done.delete(key);
        }
      }
      const context = {
        ...{ shelf, terminal, threads, run: program.run },
        specOf: (command: string, option: string): OptionSpec<unknown> | undefined => facts.get(command)?.table[option],
      };
      if (dryRun) {
        const stoppedBy = await listRuns(grid, spec.title, context);
        return stoppedBy === undefined ? exitCodes.done : exitOf(stoppedBy);
      }
      // Its results are files: a reader that dies is no reason to lose hours of work.
      terminal.outliveReaders();
      mkdirSync(out, { recursive: true });
      const giveBack = await openFolder(out).lock();
      try {
        const wereThere = all.every((run) => isDone(run, grid.done));
        const [measure = ''] = spec.measures ?? usualMeasures(spec.eval !== undefined);
        const { failures, interrupt } = await runAll(grid, measure, context);
        const made = all.flatMap((run) => finished(run, grid.done, shelf));
        const files = reportExperiment({ spec, total: all.length, runs: made, failures });
        const store = openFolder(folder);
        for (const [name, content] of Object.entries(files)) {
          await store.write(name, [new TextEncoder().encode(content)]);
        }
        line.done();
        const report = join(folder, 'report.html');
        const inAll = counted(all.length, 'run');
        const said =
          interrupt === undefined
            ? `${made.length} of ${inAll} have their results.`
            : `Stopped with ${made.length} of ${inAll}. The same command goes on.`;
        if (!wereThere) stderr.write(`${wrapped(said, stderr)}\n`);
        if (failures.length > 0) {
          const list = failures.map(({ name }) => `  ${name}\n`);
          const said = `${counted(failures.length, 'failure')}, told above; the same command tries again:`;
          stderr.write(`${wrapped(said, stderr)}\n${list.join('')}`);
        }
        stderr.write(`Open the report in a browser:\n  ${report}\n`);
        stdout.write(`${JSON.stringify({ runs: all.length, done: made.length, failed: failures.length, report })}\n`);
        if (interrupt !== undefined) return exitOf(interrupt);
        return failures.length > 0 ? exitCodes.failed : exitCodes.done;
      } finally {
        await giveBack();
      }
    },
  });

const exitOf = (interrupt: Interrupt) => (interrupt === 'SIGHUP' ? exitCodes.hungUp : exitCodes.interrupted);

/** @throws OptionError for an axis or a value that the file does not have */
function chosenBy(only: readonly (readonly [axis: string, label: string])[], { axes, compareWith }: ExperimentSpec) {
  const wanted = new Map<string, string[]>();
  for (const [axis, label] of only) {
    const models = axis === firstAxisOf(axes) ? Object.keys(compareWith) : [];
    const known = axes[axis] && [...labelsOf(axes[axis]), ...models];
    if (!known?.includes(label)) {
      const expected = known ?? Object.keys(axes);
      const what = known ? `no ${label} on the axis ${axis}` : `no axis ${axis}`;
      const advice = didYouMean(known ? label : axis, expected);
      throw new OptionError(
        `--only ${axis}=${label}: there is ${what}, expected one of ${expected.join(', ')}. ${advice}`.trim(),
        { found: known ? label : axis, expected },
      );
    }
    wanted.set(axis, [...(wanted.get(axis) ?? []), label]);
  }
  return ({ labels }: PlannedRun): boolean =>
    [...wanted].every(([axis, chosen]) => labels[axis] === undefined || chosen.includes(labels[axis]));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CheckpointError(`${path} cannot be read: ${systemReason(cause)}`, { found: path, cause });
  }
}

/** Results are drawn anew of what is there. @throws OptionError for a folder that holds something else */
function checkResults(folder: string): void {
  if (!existsSync(folder)) return;
  const file = join(folder, 'results.json');
  const isOurs = existsSync(file) ? readText(file).startsWith(resultsBegin) : readdirSync(folder).length === 0;
  if (isOurs) return;
  throw new OptionError(
    `${folder} holds something else than results of an experiment: it would be overwritten. Give another --out, or rename the ` +
      'file of the experiment.',
    { found: folder },
  );
}

/** Whether what a command made has to be there, for others that have no result yet. Models of runs with a score need not be. */
const isNeeded = (job: Job, runs: readonly PlannedRun[], done: Grid['done']): boolean =>
  job.hasOut && leftOf(runs, done).some(({ needs }) => needs.some((need) => keyOf(need) === keyOf(job)));

/** A run with its results, if it has them. */
function finished(run: PlannedRun, done: Grid['done'], shelf: Shelf): FinishedRun[] {
  const { labels, train, last } = run;
  if (!isDone(run, done)) return [];
  const notes = [train, last].flatMap((job) => (job && done.get(keyOf(job))?.notes) ?? []);
  return [
    {
      ...{ labels, digest: last.digest, measures: measuresOf(run, done) },
      folder: train ? madeBy(shelf, train) : shelf.folderOf(last),
      notes: [...new Set(notes)],
      log: train && logOf(join(madeBy(shelf, train), 'log.jsonl'), run.name),
    },
  ];
}

/** Curves are worth less than results: a log that is gone or damaged leaves its curve out. */
function logOf(path: string, name: string): RunLog | undefined {
  try {
    return readRunLog(readText(path), name);
  } catch {
    return undefined;
  }
}
