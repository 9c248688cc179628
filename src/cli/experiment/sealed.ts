/** Results as files that say themselves whether they are whole: a JSON value and its SHA-256, written aside and renamed. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { CheckpointError, openFolder } from '../../index.js';
import { isPlainObject } from '../../inWords.js';
import { systemReason } from '../../systemReason.js';
import { sha256 } from '../textDigest.js';

export const writeSealed = (path: string, value: object): Promise<void> => {
  const text = JSON.stringify(value);
  const sealed = `{"sha256":"${sha256(text)}","value":${text}}\n`;
  return openFolder(dirname(path)).write(basename(path), [new TextEncoder().encode(sealed)]);
};

/**
 * @param damaged gets what is wrong with a file that is there and is not whole
 * @returns undefined where there is none that is whole
 */
export function readSealed(
  path: string,
  damaged: (why: string) => void,
): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(path)) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CheckpointError(`${path} cannot be read: ${systemReason(cause)}`, { cause });
  }
  const [, digest, value] = /^\{"sha256":"([0-9a-f]{64})","value":(.*)\}\n$/s.exec(text) ?? [];
  if (digest === undefined || value === undefined)
    damaged(text === '' ? 'it is empty' : 'it is cut, or something else');
  else if (sha256(value) !== digest) damaged('its bytes are not those that were written');
  else {
    const read: unknown = JSON.parse(value);
    if (isPlainObject(read)) return read;
    damaged('it is something else');
  }
  return undefined;
}
