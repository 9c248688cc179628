/** JSON text and JSON files: decoded and parsed strictly, with messages that say what else a file may be. */
import { CheckpointError, formatBytes } from '../errors.js';
import { checkOption, instance, ranges } from '../settings/index.js';
import type { FileStore } from './fileStore.js';
import { mistaken } from './likeness.js';
import { decodeText } from './utf8.js';

const storeOption = instance<FileStore>('a FileStore', 'read', 'exists');

/** Far above any config, index or tokenizer, and below the longest string of an engine. */
export const largestJson = 2 ** 28;
/** Far deeper than any config. Functions that follow the levels of a value would run out of stack on millions. */
const deepestJson = 200;

/** A JSON object of a store. @throws OptionError; CheckpointError when the file is missing or holds anything else. */
export async function readJson(store: FileStore, path: string): Promise<Record<string, unknown>> {
  checkOption('readJson', 'store', store, storeOption);
  checkOption('readJson', 'path', path, ranges.text);
  const where = `${store.name}/${path}`;
  const value = parseJson(decodeText(await readSmall(store, path), where, 'JSON'), where);
  if (!isObject(value)) throw new CheckpointError(`${where}: expected a JSON object, found ${kindOf(value)}.`);
  return value;
}

/** All of a file that is read at once. @throws CheckpointError for one that is much larger than such files are */
export async function readSmall(store: FileStore, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const size = await store.size(path);
  if (size <= largestJson) return store.read(path);
  throw new CheckpointError(
    `${store.name}/${path}: the file has ${formatBytes(size)}, expected at most ${formatBytes(largestJson)}. ` +
      'Check that it is the right file.',
    { found: size, expected: largestJson },
  );
}

/**
 * The value of a JSON text.
 * @param where names the file
 * @param advice what to do about a spoilt one
 * @throws CheckpointError when it is none, or arrays and objects are nested more than 200 deep
 */
export function parseJson(text: string, where: string, advice = 'Correct it, or download it again.'): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = text.trim() === '' ? 'it is empty' : (cause as Error).message;
    const beginning = new TextEncoder().encode(text.slice(0, 512));
    throw new CheckpointError(mistaken(where, beginning, 'JSON') ?? `${where}: not valid JSON (${reason}). ${advice}`, {
      cause,
    });
  }
  const depth = depthOf(text);
  if (depth <= deepestJson) return value;
  throw new CheckpointError(
    `${where}: arrays and objects are nested ${depth} deep, expected at most ${deepestJson}. ${advice}`,
    { found: depth, expected: deepestJson },
  );
}

/** How deep the arrays and objects of a valid JSON text are nested. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === backslash) i++;
      else if (code === quote) inString = false;
    } else if (code === quote) inString = true;
    else if (code === openBracket || code === openBrace) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (code === closeBracket || code === closeBrace) depth--;
  }
  return deepest;
}
const [backslash, quote, openBracket, closeBracket, openBrace, closeBrace] = [0x5c, 0x22, 0x5b, 0x5d, 0x7b, 0x7d];

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
