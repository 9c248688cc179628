/**
 * Files that grow while a run goes on: its log, its curves. A run may go on for days, in a folder that others can write to,
 * and what it writes must not come to lie in another file than the one that it began with. Where the path leads is found
 * out once. A link that is put into it afterwards, in the place of the file or of a folder above it, is never followed.
 */
import {
  appendFileSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A file by the place at which it was when it was opened. */
export interface OwnFile {
  /** Where it is, without links. */
  readonly path: string;
  /** Adds all of it or nothing, to a file that is there: what a full disk took of it goes again. */
  append(content: string | Uint8Array): void;
  /** Makes the file, or takes what is in it out. */
  clear(): void;
  /** Puts another content, in pieces, in place of the file, which is written aside and renamed. */
  replace(pieces: Iterable<Uint8Array>): void;
}

/** `O_NOFOLLOW`, which Windows does not have. */
const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_TRUNC, O_WRONLY } = constants;

/** Makes the folder where it is missing, not the file. @throws what the system says */
export function openOwnFile(path: string): OwnFile {
  mkdirSync(dirname(path), { recursive: true });
  const place = resolved(path);
  const folder = dirname(place);
  const { dev, ino } = statSync(folder, { bigint: true });
  const requireSame = () => {
    if (realpathSync.native(folder) === folder) return;
    // One that was moved, and has a link where it was, is the same.
    const found = statSync(folder, { bigint: true });
    if (found.dev === dev && found.ino === ino) return;
    throw Object.assign(new Error(`${folder} is a link by now`), { code: 'ELOOP' });
  };
  const open = (how: number) => {
    requireSame();
    return openSync(place, how | O_NOFOLLOW | O_WRONLY, 0o666);
  };
  return {
    path: place,
    clear: () => closeSync(open(O_CREAT | O_TRUNC)),
    append(content) {
      const file = open(O_APPEND);
      try {
        const before = fstatSync(file);
        try {
          appendFileSync(file, content);
        } catch (error) {
          if (before.isFile()) ftruncateSync(file, before.size);
          throw error;
        }
      } finally {
        closeSync(file);
      }
    },
    replace(pieces) {
      requireSame();
      const part = `${place}.${process.pid}-${Math.random().toString(36).slice(2)}.part`;
      try {
        const file = openSync(part, 'wx');
        try {
          for (const piece of pieces) writeFileSync(file, piece);
        } finally {
          closeSync(file);
        }
        renameSync(part, place);
      } finally {
        rmSync(part, { force: true });
      }
    },
  };
}

/** Where a path leads now, whether the file is there or not. */
function resolved(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return join(realpathSync.native(dirname(path)), basename(path));
  }
}
