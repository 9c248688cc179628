/** What people see of a run: one live line for the last step, and lines that stay for validations and checkpoints. */
import { createLogUpdate } from 'log-update';
import type {
  BestValidation,
  DeviceEvent,
  OnProgress,
  StepEvent,
  TrainingEvent,
  ValidationEvent,
  WaitingEvent,
} from '../index.js';
import { bytes, counted, duration, rounded, whole } from './format.js';
import { type Terminal, wrapped } from './terminal.js';

/** A line that is rewritten in place on a terminal, and lines that stay. */
export interface ProgressLine {
  /** Whether a line is rewritten: not in a file or a pipe, nor on a terminal that has no height, where nothing would be seen. */
  readonly isLive: boolean;
  /** Replaces the live line. In a file or a pipe, adds a line now and then. */
  update(line: string): void;
  /** Adds a line that stays, below the newest line, which stays too. */
  print(line: string): void;
  /** Shows the newest line and keeps it. */
  done(): void;
  /**
   * Does some work, and says that it goes on where no line has come for ten seconds: what it is, and how long it has taken.
   * @param what it is, in a few words, whenever they are asked for
   */
  during<T>(what: () => string, work: () => Promise<T>): Promise<T>;
}

const LIVE_MS = 100;
const PLAIN_MS = 10_000;

export function progressLine({ stderr }: Terminal): ProgressLine {
  const isLive = stderr.isTTY === true && stderr.rows !== 0;
  const live = isLive ? createLogUpdate(stderr as unknown as NodeJS.WritableStream, { showCursor: true }) : undefined;
  let shownAt = Number.NEGATIVE_INFINITY;
  // Of any line, also of those that stay.
  let writtenAt = performance.now();
  // The newest line, when it came too soon after the one shown: `done` shows it.
  let waiting: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const show = (line: string) => {
    waiting = undefined;
    shownAt = performance.now();
    writtenAt = shownAt;
    if (live) live(wrapped(line, stderr));
    else stderr.write(`${line}\n`);
  };
  return {
    isLive,
    update(line) {
      if (performance.now() - shownAt >= (live ? LIVE_MS : PLAIN_MS)) show(line);
      else {
        waiting = line;
        if (!live || timer) return;
        // No other line may come for a long time.
        timer = setTimeout(() => {
          timer = undefined;
          if (waiting !== undefined) show(waiting);
        }, LIVE_MS);
        timer.unref();
      }
    },
    print(line) {
      // What came before it stays above it: the step that is validated, whose line may not have been shown yet.
      if (waiting !== undefined) show(waiting);
      live?.done();
      stderr.write(`${wrapped(line, stderr)}\n`);
      writtenAt = performance.now();
    },
    done() {
      if (waiting !== undefined) show(waiting);
      live?.done();
    },
    async during(what, work) {
      const started = performance.now();
      const timer = setInterval(() => {
        const now = performance.now();
        if (now - writtenAt >= PLAIN_MS) show(waiting ?? `${what()}, for ${duration(now - started)} so far`);
      }, LIVE_MS);
      timer.unref();
      try {
        return await work();
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Files below this many bytes come without a word. */
const worthTelling = 2 ** 20;

/** How far the download of a large file is, and that it is there. */
export const downloadProgress =
  (line: ProgressLine): OnProgress =>
  ({ file, loaded, total = 0 }) => {
    if (total < worthTelling) return;
    const told = `${file}: ${bytes(loaded)} of ${bytes(total)}`;
    if (loaded < total) line.update(told);
    else line.print(`downloaded ${told}`);
  };

const RECENT_STEPS = 20;

/** Turns a run's events into lines: loss and speed over the last steps, phi and the replay buffer's fill, time left. */
export function trainingProgress(
  line: ProgressLine,
  capacity: number,
): { show(event: TrainingEvent): void; done(): void } {
  let firstStep = 0;
  let started: number | undefined;
  let totalSteps = 0;
  const recent: StepEvent[] = [];
  let agreement: number | undefined;
  let waitingFor: WaitingEvent['reason'] | undefined;
  return {
    show(event) {
      if (event.type === 'start') {
        firstStep = event.step;
        totalSteps = event.totalSteps;
        line.print(
          `Training ${whole(event.trainedParameters)} weights on ${counted(event.trainSamples, 'record')}: ` +
            `${counted(totalSteps, 'step')}, ${whole(event.stepsPerEpoch)} an epoch` +
            (firstStep === totalSteps
              ? '; all of them are done already'
              : firstStep > 0
                ? `; going on after step ${whole(firstStep)}`
                : ''),
        );
      } else if (event.type === 'step' && event.skipped) {
        line.print(
          `step ${whole(event.step)} skipped: its training loss is ${rounded(event.loss)}, its gradient norm ${rounded(event.gradNorm)}; no weight ` +
            'has changed',
        );
      } else if (event.type === 'step') {
        recent.push(event);
        agreement = event.measures?.agreement ?? agreement;
        if (recent.length > RECENT_STEPS) recent.shift();
        const now = performance.now();
        // Not from the run's start: the validation before the first step comes once.
        started ??= now - event.stepMs;
        const msPerStep = (now - started) / (event.step - firstStep);
        line.update(stepLine(recent, { msLeft: (totalSteps - event.step) * msPerStep, capacity, agreement }));
      } else if (event.type === 'answers') {
        const { answered, total, ms } = event;
        const many = `${whole(answered)} of ${counted(total, 'prompt')}`;
        if (answered < total) line.update(`the teacher answers: ${many}`);
        else line.print(`the teacher has answered ${many} in ${duration(ms)}`);
      } else if (event.type === 'validation') {
        line.print(validationLine(event));
      } else if (event.type === 'device') {
        line.print(deviceLine(event));
        // Speed and time left are those of this device.
        firstStep = event.step;
        started = undefined;
        recent.length = 0;
      } else if (event.type === 'waiting') {
        if (event.reason !== waitingFor) line.print(waitingLine(event));
        else line.update(`waiting for ${duration(event.waitedMs)}, the next try is in ${duration(event.retryMs)}`);
        waitingFor = event.reason;
      } else if (event.type === 'waited') {
        waitingFor = undefined;
        line.print(`Written after ${duration(event.waitedMs)} of waiting: the run goes on.`);
      } else if (event.type === 'checkpoint' && event.fallback !== undefined) {
        line.print(`Written to the fallback: ${event.path}`);
      }
    },
    done: () => line.done(),
  };
}

/** Why a run waits, and what ends the wait. */
export function waitingLine({ step, what, message, neededBytes, retryMs, limitMs, reason }: WaitingEvent): string {
  const advice = reason === 'full' ? 'Free some space' : 'Bring the folder back';
  const refused = {
    state: `the state of step ${step} cannot be written.`,
    shared: `the state of step ${step} is written, but best and last cannot be made of it yet.`,
    folder: 'the run cannot go on in its folder.',
  }[what];
  const needed = neededBytes === undefined ? '' : ` A state takes about ${bytes(neededBytes)}.`;
  return (
    `Waiting: ${refused} ${message}${needed} It is tried again in ${duration(retryMs)}, and so on` +
    `${limitMs === undefined ? '' : ` until ${duration(limitMs)} have passed`}. ${advice}, and the run goes on; Ctrl-C ends it.`
  );
}

/**
 * The last step, with loss and speed over the last few.
 * @param capacity of the replay buffer, 0 without one
 * @param agreement share of the tokens whose likeliest is the teacher's, as it was measured last
 */
export function stepLine(
  recent: readonly StepEvent[],
  {
    msLeft,
    capacity,
    agreement,
  }: { readonly msLeft: number; readonly capacity: number; readonly agreement?: number | undefined },
): string {
  const last = recent.at(-1) as StepEvent;
  const sum = (of: (event: StepEvent) => number) => recent.reduce((total, event) => total + of(event), 0);
  const tokensPerSecond = (1000 * sum(({ tokens }) => tokens)) / sum(({ stepMs }) => stepMs);
  return [
    `step ${whole(last.step)}/${whole(last.totalSteps)} (epoch ${whole(last.epoch)})`,
    `training loss ${(sum(({ loss }) => loss) / recent.length).toFixed(4)}`,
    ...(agreement === undefined ? [] : [`agreement ${(100 * agreement).toFixed(0)}%`]),
    `${whole(tokensPerSecond)} tokens/s`,
    ...(capacity > 0
      ? [`phi ${last.phi.toFixed(2)} (${last.source})`, `buffer ${whole(last.bufferSize)}/${whole(capacity)}`]
      : []),
    `${duration(msLeft)} left`,
  ].join('  ');
}

/** What a validation measured, each in words. */
export const measuredBy = ({ loss, rougeL, exactMatch }: Omit<BestValidation, 'step'>): string[] => [
  ...(loss === undefined ? [] : [`validation loss ${loss.toFixed(4)}`]),
  ...(rougeL === undefined ? [] : [`ROUGE-L ${rougeL.toFixed(2)}`]),
  ...(exactMatch === undefined ? [] : [`exact matches ${exactMatch.toFixed(1)}%`]),
];

/** What happened to the device, and from where the run goes on. */
export const deviceLine = ({ lost, device, step, from }: DeviceEvent): string =>
  `${lost.replace(/^webgpu: the device/, 'The GPU')}. The run goes on after step ${whole(step)}, from ${
    from === 'memory' ? 'the state in memory' : from
  }, on ${device}.`;

export function validationLine(event: ValidationEvent): string {
  const { step, epoch, phi, raised, note, best, ms } = event;
  return [
    `validation after step ${whole(step)} (epoch ${whole(epoch)})`,
    ...measuredBy(event),
    ...(raised ? [`phi raised to ${phi.toFixed(2)}`] : []),
    ...(note ? [note] : []),
    ...(best ? ['best so far'] : []),
    `took ${duration(ms)}`,
  ].join('  ');
}
