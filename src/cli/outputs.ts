/**
 * What commands write is tried before models are loaded, which may take minutes. One rule holds for all of it: nothing is
 * written over. Only a drawing is, by a drawing, for it can be made again, and the log of a run by the same run.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { gunzipSync, constants as zlib } from 'node:zlib';
import { CheckpointError, type FileStore, OptionError, openFolder } from '../index.js';
import { systemReason } from '../systemReason.js';
import { firstLine } from './firstLine.js';
import { isAddress } from './inputs.js';

/** A kind of file that a command writes. */
interface OutputKind {
  /** For messages: "a log of distillm". */
  readonly what: string;
  /** Whether a file that begins so is one. */
  readonly begins: RegExp;
  /** It can be made again of what is there: one of its kind may take its place. */
  readonly isDrawn?: boolean;
  /** It is packed by gzip where its name ends in .gz. */
  readonly mayBePacked?: boolean;
}

export const logFile: OutputKind = { what: 'a log of distillm', begins: /^\{"time":"[^"]+","type":"/ };
export const answersFile: OutputKind = { what: 'answers of distillm eval', begins: /^\{"type":"model","model":"/ };
export const judgeCacheFile: OutputKind = { what: "a judge's replies", begins: /^\{"judged":"[0-9a-f]{64}","reply":"/ };
export const recordsFile: OutputKind = {
  what: 'records of distillm data',
  begins: /^\{"(instruction|messages)":/,
  mayBePacked: true,
};
export const traceFile: OutputKind = { what: 'a trace', begins: /^\s*\{\s*"traceEvents"/ };
export const reportFile: OutputKind = {
  what: 'a report of distillm',
  begins: /^<!doctype html><!-- a report of distillm -->/,
  isDrawn: true,
};
export const drawingFile: OutputKind = {
  what: 'an SVG of distillm plot',
  begins: /^<svg [^>]*id="distillm-plot"/,
  isDrawn: true,
};

interface Trial {
  /**
   * Whether something is written as a trial. Default true. A dry run writes nothing at all: the system is only asked whether
   * it would be allowed.
   */
  readonly isWritten?: boolean;
}

interface FileTrial extends Trial {
  /** A file of this kind that is there goes on, or is of the run that writes it anew. Default: as `isDrawn` says. */
  readonly isOwn?: boolean;
}

/**
 * @param flag the option that names the file: '--log'
 * @param inputs files that the command reads, as they were given; undefined ones are absent
 * @throws OptionError when the file is one of `inputs`, or holds something that would be overwritten; CheckpointError when it
 * cannot be written
 */
export function tryFile(
  flag: string,
  path: string,
  { what, begins, isDrawn = false, mayBePacked = false }: OutputKind,
  inputs: readonly (string | undefined)[] = [],
  { isWritten = true, isOwn = isDrawn }: FileTrial = {},
): void {
  refuseAddress(flag, path);
  const found = statOf(path);
  if (found?.isDirectory()) throw refusal(flag, path, 'is a folder, expected a file. Name a file in it.');
  if (!found && isLink(path)) {
    throw refusal(flag, path, 'is a link that leads nowhere. Mend or remove it.');
  }
  const same = inputs.find((input) => input !== undefined && isSame(found, statOf(input)));
  if (same !== undefined) {
    throw refusal(flag, path, `is ${same}, which is read: it would be overwritten. Take another name.`);
  }
  if (found?.isFile() && found.size > 0) {
    const isOfKind = begins.test(beginningOf(flag, path, { mayBePacked }));
    if (!isOfKind || !isOwn) {
      const held = isOfKind ? `${what} already` : `something else than ${what}`;
      throw refusal(flag, path, `holds ${held}: it would be overwritten. Take another name, or remove the file.`);
    }
  }
  if (!isWritten) {
    ask(flag, path, found ? path : dirname(path));
    return;
  }
  writing(flag, path, () => {
    closeSync(openSync(path, 'a'));
    if (!found) rmSync(path);
  });
}

/**
 * @param outputs paths by the options that name them; what is no path is absent
 * @throws OptionError when two are one place: the later would overwrite the earlier
 */
export function tryApart(outputs: Readonly<Record<string, string | boolean | undefined>>): void {
  const seen = new Map<string, string>();
  for (const [flag, path] of Object.entries(outputs)) {
    if (typeof path !== 'string') continue;
    const place = placeOf(path);
    const other = seen.get(place);
    if (other !== undefined) {
      throw refusal(flag, path, `is what ${other} names, too: one would overwrite the other. Take another name.`);
    }
    seen.set(place, flag);
  }
}

/**
 * A log is of another run where it lies in the folder of one, or names one that is still there.
 * @param out folder of the run that is to write it
 * @throws OptionError for a log that another run wrote
 */
export function tryLog(path: string, out: string): void {
  if (!statOf(path)?.isFile()) return;
  const wrote = outOf(writing('--log', path, () => firstLine(path)));
  const folder = holdsRun(dirname(path)) ? dirname(path) : undefined;
  const other = [folder, wrote].find(
    (each) => each !== undefined && existsSync(each) && placeOf(each) !== placeOf(out),
  );
  // A run that was moved has its log with it.
  if (other === undefined || placeOf(dirname(path)) === placeOf(out)) return;
  throw refusal('--log', path, `is the log of the run in ${other}: it would be overwritten. Take another name.`);
}

/** Whether a folder holds states of a run. @throws CheckpointError where the system does not let it be read */
export const holdsRun = (folder: string): boolean => namesIn(folder).some((name) => /^state-\d{6,}$/.test(name));

/** What is in a folder; nothing where there is none. @throws CheckpointError where the system does not let it be read */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR'].includes(code) && !isLink(folder)) return [];
    throw new CheckpointError(`${folder} cannot be read: ${systemReason(cause)}`, { found: folder, cause });
  }
}

/** The folder of the run that wrote a log; undefined where its first line does not say. */
function outOf(line = ''): string | undefined {
  try {
    const { out } = JSON.parse(line) as { readonly out?: unknown };
    return typeof out === 'string' ? out : undefined;
  } catch {
    return undefined;
  }
}

/** Where a path leads, whether there is something or not. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path || folder === '.' ? resolve(path) : join(placeOf(folder), basename(path));
  }
}

/**
 * Tries a folder, which need not be there: it is made as a trial, with a file in it, and removed again.
 * @throws OptionError for a file; CheckpointError where the system refuses
 */
export function tryFolder(flag: string, path: string, { isWritten = true }: Trial = {}): void {
  refuseAddress(flag, path);
  const found = statOf(path);
  if (found && !found.isDirectory()) throw refusal(flag, path, 'is a file, expected a folder. Take another name.');
  if (!isWritten) {
    ask(flag, path, nearest(path));
    return;
  }
  const made: string[] = [];
  try {
    writing(flag, path, () => {
      const missing: string[] = [];
      for (let each = path; !statOf(each) && dirname(each) !== each; each = dirname(each)) missing.unshift(each);
      for (const each of missing) {
        mkdirSync(each);
        made.unshift(each);
      }
      const trial = join(path, `.distillm-${process.pid}`);
      closeSync(openSync(trial, 'w'));
      rmSync(trial);
    });
  } finally {
    for (const each of made) rmdirSync(each);
  }
}

/** @throws OptionError for a folder that is not empty; CheckpointError for one that cannot be written */
export async function tryNewFolder(flag: string, path: string): Promise<void> {
  tryFolder(flag, path);
  if (!statOf(path)) return;
  const { files, folders } = await openFolder(path).list();
  const [name] = [...files, ...folders];
  if (name !== undefined) throw refusal(flag, path, `holds ${name} already. Take a new folder.`);
}

/**
 * Writes into a folder while no other command does: the files of two would be mixed.
 * @param tryAgain as before the work, for another command may have written there meanwhile
 * @throws CheckpointError where another command is writing there; what `tryAgain` throws
 */
export async function fillAlone(
  path: string,
  tryAgain: () => Promise<void>,
  write: (folder: FileStore) => Promise<void>,
): Promise<void> {
  const folder = openFolder(path);
  const giveBack = await folder.lock();
  try {
    await tryAgain();
    await write(folder);
  } finally {
    await giveBack();
  }
}

/** An address is no place to write to. @throws OptionError */
export function refuseAddress(flag: string, path: string): void {
  if (isAddress(path)) {
    throw refusal(flag, path, 'is an address on the web, expected a path on this machine. Write there, and copy it.');
  }
}

/** The path itself, or the folder above it that is there. */
function nearest(path: string): string {
  let each = path;
  while (!statOf(each) && dirname(each) !== each) each = dirname(each);
  return each;
}

/**
 * Whether the system would allow to write to a file, or into a folder, without a trial.
 * @throws CheckpointError where it says that it would not
 */
function ask(flag: string, path: string, place: string): void {
  const isFolder = statOf(place)?.isDirectory() ?? true;
  if (!isFolder && place !== path) {
    throw new CheckpointError(`${flag} ${path} cannot be written: ${place} is a file. Take another name.`, {
      found: path,
    });
  }
  writing(flag, path, () => accessSync(place, isFolder ? constants.W_OK | constants.X_OK : constants.W_OK));
}

/** Runs `write`, before the work or in the middle of it. @throws CheckpointError where the system refuses */
export function writing<T>(flag: string, path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new CheckpointError(`${flag} ${path} ${unwritable(cause)}`, { found: path, cause });
  }
}

/** Why the system refuses to write, as the rest of a sentence and what to do. */
export const unwritable = (cause: unknown) => `cannot be written: ${systemReason(cause)}`;

const refusal = (flag: string, path: string, what: string) =>
  new OptionError(`${flag} ${path} ${what}`, { found: path });

/** undefined where there is nothing, or nothing that can be looked at: writing says why. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Whether the path names a link, wherever that leads; below a file there is none. */
function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** One file under two names or through a link is the same. */
const isSame = (one: Stats | undefined, other: Stats | undefined): boolean =>
  one !== undefined && other !== undefined && one.isFile() && one.dev === other.dev && one.ino === other.ino;

/** Bytes by which the kinds of files are told apart. */
const beginning = 512;

function beginningOf(flag: string, path: string, { mayBePacked }: { readonly mayBePacked: boolean }): string {
  return writing(flag, path, () => {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(beginning);
      const read = bytes.subarray(0, readSync(file, bytes));
      return (mayBePacked ? unpacked(read) : read).toString('utf8');
    } finally {
      closeSync(file);
    }
  });
}

/** What a gzip stream that is cut begins with; the bytes themselves where they are none. */
function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH });
  } catch {
    return bytes;
  }
}
