/** `train --dry-run`: what a run would take, for people: its memory as a table, which is known at once, then steps and time. */
import { freemem } from 'node:os';
import type { Device, MemoryEstimate, RunEstimate, RunSettings } from '../index.js';
import { bytes, counted, duration, whole } from './format.js';
import { type Terminal, wrapped } from './terminal.js';

/** What is in memory, and how much of it there is. */
export function memoryTable(
  memory: MemoryEstimate,
  {
    settings: { loss, batchSize, maxNewTokens },
    samples,
    device,
    free = freemem(),
  }: {
    readonly settings: RunSettings;
    /** Those that are trained on, or those that the run is validated on, whichever are more. */
    readonly samples: number;
    readonly device: Pick<Device, 'info'>;
    readonly free?: number;
  },
): string[] {
  const learner = loss ? 'student' : 'model';
  const rows: [name: string, bytes: number, what: string][] = [
    ["teacher's weights", memory.teacher, ''],
    [`${learner}'s weights`, memory.student, ''],
    ['gradients', memory.gradients, 'f32'],
    ["AdamW's moments", memory.moments, 'two of each weight that is trained, f32'],
    ['activations', memory.activations, `of the longest ${counted(Math.min(batchSize, samples), 'sequence')}`],
    ['logits', memory.logits, 'the chunk that is in memory at once'],
    ['caches', memory.caches, `of answers of ${counted(maxNewTokens, 'token')}, while nothing is trained`],
    ['answering', memory.answering, 'what answers take besides'],
    ['working memory', memory.rest, 'of kernels and threads, and gaps'],
    ['other', memory.other, 'what else the device holds'],
  ];
  const sums: [name: string, bytes: number, what: string][] = [['in all, at most', memory.total, limitWords(memory)]];
  const row = ([name, size, what]: (typeof rows)[number]) =>
    `  ${name.padEnd(18)}${bytes(size).padStart(10)}  ${what}`.trimEnd();
  return [
    'Memory:',
    ...[...rows.filter(([, size]) => size > 0), ...sums].map(row),
    ...(isOfMachine(device) ? shortage(memory, free) : []),
  ];
}

/** Lines about steps and time. */
export function estimateLines(
  { steps, totalSteps, stepsPerEpoch, sequencesPerStep, generatingSteps, tokens, validations, time }: RunEstimate,
  { loss }: RunSettings,
): string[] {
  const learner = loss ? 'student' : 'model';
  const done = totalSteps - steps;
  return [
    `Run: ${counted(steps, 'step')}${done > 0 ? ` after ${whole(done)} that are done` : ''}, ${whole(stepsPerEpoch)} an epoch, of ` +
      `${counted(sequencesPerStep, 'sequence')} each; about ${counted(tokens, 'token')}; ${counted(validations, 'validation')}`,
    ...(generatingSteps > 0
      ? [
          `  ${counted(generatingSteps, 'step')} would begin with answers of the ${learner}, as long as phi stays as it is`,
        ]
      : []),
    ...timeLines(time, validations),
  ];
}

const limitWords = ({ limit }: MemoryEstimate): string =>
  limit === undefined ? '' : `of the ${bytes(limit)} that WebAssembly can address`;

/** Software computes in the machine's own memory. */
const isOfMachine = ({ info: { kind, software } }: Pick<Device, 'info'>): boolean => kind === 'wasm' || software;

/** What a run will take, before it starts. */
export function memoryLines(memory: MemoryEstimate, device: Pick<Device, 'info'>, free = freemem()): string[] {
  const { teacher, student, gradients, moments, activations, logits, caches, answering, replay, total } = memory;
  const parts = [
    ...(teacher > 0 ? [`teacher ${bytes(teacher)}`] : []),
    `student ${bytes(student)}`,
    `gradients and moments ${bytes(gradients + moments)}`,
    `activations and logits ${bytes(activations + logits)}`,
    ...(caches > 0 ? [`answers ${bytes(caches + answering)}`] : []),
  ];
  const buffer = replay > 0 ? `; beside that a replay buffer of ${bytes(replay)}` : '';
  return [
    `Memory: at most ${[bytes(total), limitWords(memory)].join(' ').trimEnd()} (${parts.join(', ')})${buffer}`,
    ...(isOfMachine(device) ? shortage(memory, free) : []),
  ];
}

const shortage = ({ total }: MemoryEstimate, free: number): string[] =>
  total > free
    ? [`This machine has ${bytes(free)} free: it may swap, or end the run. Lower --batch-size, or end other programs.`]
    : [];

/** Shorter than a second, in ms. */
const span = (ms: number): string => (ms < 1000 ? `${whole(ms)} ms` : duration(ms));

function timeLines(time: RunEstimate['time'], validations: number): string[] {
  if (!time) return [];
  if (time.measuredSteps === 0) return ['Time: none, for all steps are done already.'];
  const parts = [
    `${span(time.updates)} for updates`,
    ...(time.answers > 0 ? [`${span(time.answers)} for answers to train on`] : []),
    ...(validations > 0 ? [`${span(time.validations)} for validations`] : []),
  ];
  const answers =
    time.answersMs > 0 ? `; a batch of answers of full length, ${span(time.answersMs)}, from its first tokens` : '';
  return [
    `Time: about ${span(time.total)} (${parts.join(', ')})`,
    `  from ${stepsInWords(time.measuredSteps)} of this run at learning rate 0, ${whole(time.stepMs)} ms each${answers}. ` +
      `${time.answersMs > 0 ? 'Answers that end early take less. ' : ''}Saving comes on top.`,
  ];
}

/** "3 steps", "12% of a step". */
const stepsInWords = (measured: number): string =>
  measured >= 1 ? counted(measured, 'step') : `${Math.max(1, Math.round(100 * measured))}% of a step`;

/** Prints the lines to stderr, and all of it as one line of JSON to stdout. */
export function printEstimate(estimate: RunEstimate, settings: RunSettings, { stdout, stderr }: Terminal): void {
  for (const line of estimateLines(estimate, settings)) stderr.write(`${wrapped(line, stderr)}\n`);
  stderr.write('Nothing was written. The same command without --dry-run runs it.\n');
  stdout.write(`${JSON.stringify({ dryRun: true, ...estimate, settings })}\n`);
}
