/**
 * `--tensorboard`: the curves of a run as event files. A run writes one file each time that it is started or goes on, at
 * its first number: a finished run that is resumed has none. What a killed run wrote after its last checkpoint is taken out of the older ones, so that no step is there twice; a
 * TensorBoard that has shown it already is told by the new file that it counts no longer.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OptionError, type TrainingEvent } from '../../index.js';
import { tryFolder, unwritable } from '../outputs.js';
import { type OwnFile, openOwnFile } from '../ownFile.js';
import { recordsUntil, restartRecord, type Scalar, scalarsRecord, versionRecord } from './eventFile.js';

const flag = '--tensorboard';
/** TensorBoard takes files whose names contain "tfevents", in the order of their names. */
const ours = /^events\.out\.tfevents\.\d+\.distillm\.\d+$/;

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => ours.test(name))
        .sort()
    : [];

/**
 * Before models are loaded.
 * @param isWritten false for a dry run, which writes nothing; default true
 * @throws OptionError for a folder that cannot be written, and for one with the curves of another run
 */
export function tryBoard(
  folder: string,
  { resume, isWritten = true }: { readonly resume: boolean; readonly isWritten?: boolean },
): void {
  tryFolder(flag, folder, { isWritten });
  const [first] = filesIn(folder);
  if (first === undefined || resume) return;
  throw new OptionError(
    `${flag} ${folder} has the curves of another run, ${first}: TensorBoard would show both as one. Take another folder.`,
    { found: folder },
  );
}

/** Adds what an event has to the curves. */
export type Board = (event: TrainingEvent) => void;

/**
 * A run is worth more than its curves: where a step cannot be written, people are warned, and the run goes on.
 * @param goesOnAfter step after which a resumed run goes on: see `openLog`
 * @param warn gets a line for people
 * @param now ms since 1970
 */
export function openBoard(
  folder: string,
  {
    goesOnAfter,
    warn,
    now = Date.now,
  }: { readonly goesOnAfter?: number | undefined; readonly warn: (line: string) => void; readonly now?: () => number },
): Board {
  const seconds = () => now() / 1000;
  let file: OwnFile | undefined;
  const begin = (): OwnFile => {
    const before = filesIn(folder);
    // Its name comes after those before it, also within a second, and where the clock was put back.
    const latest = Math.max(Math.floor(seconds()), ...before.map((name) => Number(name.split('.')[3])));
    const path = join(folder, `events.out.tfevents.${latest}.distillm.${String(before.length).padStart(3, '0')}`);
    const start = { wallTime: seconds(), step: goesOnAfter === undefined ? 0 : goesOnAfter + 1 };
    if (goesOnAfter !== undefined) for (const name of before) cutAfter(openOwnFile(join(folder, name)), goesOnAfter);
    const begun = openOwnFile(path);
    begun.replace([versionRecord({ ...start, step: 0 }), ...(before.length > 0 ? [restartRecord(start)] : [])]);
    return begun;
  };
  let warned = false;
  return (event) => {
    const scalars = scalarsOf(event);
    if (scalars.length === 0) return;
    try {
      file ??= begin();
      // All of a record or nothing: a reader stops at one that was cut.
      file.append(scalarsRecord({ wallTime: seconds(), step: event.step }, scalars));
    } catch (cause) {
      if (!warned) warn(`${flag} ${file?.path ?? folder} ${unwritable(cause)} The run goes on without its curves.`);
      warned = true;
    }
  };
}

const cutAfter = (file: OwnFile, step: number): void => file.replace(recordsUntil(readFileSync(file.path), step));

/** The curves of an event; none of most. */
function scalarsOf(event: TrainingEvent): Scalar[] {
  if (event.type === 'validation') {
    const { loss, rougeL, exactMatch, phi } = event;
    return curves('validation', { loss, rougeL, exactMatch, phi });
  }
  if (event.type !== 'step') return [];
  const { loss, terms, measures = {}, gradNorm, lr, phi, bufferSize, tokensPerSecond, source } = event;
  // A curve of 1 and 0 for each source: smoothed, it is the share.
  const sources = Object.fromEntries(['data', 'generate', 'replay'].map((each) => [each, each === source ? 1 : 0]));
  return [
    ...curves('train', { loss, gradNorm, lr, phi, bufferSize, tokensPerSecond }),
    ...curves('terms', terms),
    ...curves('measures', measures),
    ...curves('source', sources),
  ];
}

const curves = (group: string, values: Readonly<Record<string, number | undefined>>): Scalar[] =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ tag: `${group}/${name}`, value }]));
