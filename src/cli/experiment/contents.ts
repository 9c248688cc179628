/** Digests of files and folders by what is in them, so that an experiment knows its inputs wherever they lie. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../../index.js';
import { systemReason } from '../../systemReason.js';

export interface Contents {
  /** Digest of a file, or of all files in a folder with their names. Each is read once. @throws CheckpointError */
  digestOf(path: string): Promise<string>;
}

export function contents(): Contents {
  const known = new Map<string, Promise<string>>();
  return {
    digestOf(path) {
      const found = known.get(path) ?? digestOfPath(path);
      known.set(path, found);
      return found;
    },
  };
}

async function digestOfPath(path: string): Promise<string> {
  try {
    const hash = createHash('sha256');
    if (!(await stat(path)).isDirectory()) {
      for await (const piece of createReadStream(path)) hash.update(piece);
      return hash.digest('hex');
    }
    for (const name of (await readdir(path)).sort()) hash.update(`${name}\0${await digestOfPath(join(path, name))}\n`);
    return hash.digest('hex');
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`${path} cannot be read: ${systemReason(cause)}`, { found: path, cause });
  }
}
