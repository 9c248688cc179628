/** JSON files of a store, checked to be objects. */
import { CheckpointError } from '../errors.js';
import { checkOption, instance, ranges } from '../settings/index.js';
import type { FileStore } from './fileStore.js';

const storeOption = instance<FileStore>('a FileStore', 'read', 'exists');

/** A JSON object of a store. @throws OptionError; CheckpointError when the file is missing or holds anything else. */
export async function readJson(store: FileStore, path: string): Promise<Record<string, unknown>> {
  checkOption('readJson', 'store', store, storeOption);
  checkOption('readJson', 'path', path, ranges.text);
  const where = `${store.name}/${path}`;
  const bytes = await store.read(path);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointError(
      `${where}: not valid JSON (${(cause as Error).message}). Correct it, or download it again.`,
      { cause },
    );
  }
  if (!isObject(value)) throw new CheckpointError(`${where}: expected a JSON object, found ${kindOf(value)}.`);
  return value;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : typeof value;

/**
 * The first key that occurs twice in one object of `text`, which must be valid JSON: `JSON.parse` silently
 * drops the earlier one.
 */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (const { 0: token } of text.matchAll(/[{}[\]]|"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, -1)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
