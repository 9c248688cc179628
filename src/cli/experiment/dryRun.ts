/** `--dry-run`: the runs of an experiment, which of them are there, and what the others would take. Nothing is written. */
import { counted, duration } from '../format.js';
import { type Job, jobsOf, keyOf, wordsOf } from './plan.js';
import { type Context, type Grid, isDone, leftOf } from './runAll.js';
import { madeBy, placeIn } from './runJob.js';
import { streamTo } from './streams.js';

export async function listRuns({ runs, done, known, line }: Grid, title: string, context: Context): Promise<void> {
  line.print(title);
  const prepared = [...jobsOf(runs).values()].filter(({ kind }) => kind === 'prepared');
  for (const name of new Set(prepared.map((job) => job.name))) {
    const alike = prepared.filter((job) => job.name === name);
    const there = alike.filter((job) => done.has(keyOf(job))).length;
    const state = there === alike.length ? ', is there' : there > 0 ? `, ${there} of them there` : '';
    line.print(
      `  prepared: ${name} (${alike[0]?.command})${alike.length > 1 ? `, ${alike.length} times` : ''}${state}`,
    );
  }
  for (const run of runs) {
    const kinds = leftOf([run], done).map(({ kind }) => kind);
    const isTrained = run.train && !kinds.includes('runs') && kinds.includes('scores');
    line.print(`  ${run.name}${kinds.length === 0 ? ', is there' : isTrained ? ', is trained' : ''}`);
  }
  const left = leftOf(runs, done);
  for (const job of oneOfAlike(known.of(left).unknown)) {
    if (job.command !== 'train' || job.needs.some((need) => !done.has(keyOf(need)))) continue;
    if (context.terminal.stderr.isTTY) line.update(`measuring ${job.name}`);
    const ms = await estimated(job, context);
    if (ms !== undefined) known.add(job, ms / 1000);
  }
  const { seconds, unknown } = known.of(left);
  const toRun = runs.filter((run) => !isDone(run, done)).length;
  const estimate = left.length > unknown.length ? `, about ${duration(1000 * seconds)}` : '';
  const without =
    unknown.length > 0
      ? `; how long ${counted(unknown.length, 'command')} will take is known once what comes before is there`
      : '';
  line.print(`${counted(runs.length, 'run')}, ${toRun} to make${estimate}${without}. Nothing was written.`);
  line.done();
  const listed = runs.map((run) => ({ labels: run.labels, digest: run.last.digest, done: isDone(run, done) }));
  const estimates = { seconds, notEstimated: unknown.length };
  context.terminal.stdout.write(`${JSON.stringify({ dryRun: true, runs: listed, left: toRun, ...estimates })}\n`);
}

/** One of those that differ by their seeds alone. */
const oneOfAlike = (jobs: readonly Job[]): Job[] => [
  ...new Map(jobs.map((job) => [`${job.kind}/${job.likeness}`, job])).values(),
];

/** Milliseconds that training says it would take; undefined where it says nothing. */
async function estimated(job: Job, { shelf, terminal, run, threads }: Context): Promise<number | undefined> {
  let out = '';
  const stdout = streamTo((text) => {
    out += text;
  });
  const words = [...wordsOf(job, placeIn(shelf)), '--out', madeBy(shelf, job), '--dry-run'];
  const code = await run([...words, ...(threads === undefined ? [] : ['--threads', `${threads}`])], {
    ...terminal,
    ...{ stdout, stderr: streamTo(() => {}) },
  });
  return code === 0 ? JSON.parse(out).time?.total : undefined;
}
