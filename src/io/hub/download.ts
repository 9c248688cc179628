/**
 * One file of Hugging Face into a cache. What came before a connection was cut is kept, also after the process or the page
 * has ended, and the rest is asked for; a content counts as there only when its size and its digest are right.
 */
import { CheckpointError, formatBytes } from '../../errors.js';
import { pause } from '../pause.js';
import { requestReason } from '../requestReason.js';
import type { HubCache, HubPart } from './hubCache.js';
import type { HubFile } from './listing.js';
import { type HubAccess, requestHub } from './requests.js';

/** A connection may be cut so often in a row without that anything new comes. */
const attempts = 5;
/** Between a cut and the next try, in ms: twice as long after each try that brought nothing new. */
const firstWait = 100;
/** New bytes of a connection that count: with fewer a server could keep us asking for as long as the file has bytes. */
const leastProgress = 2 ** 16;

/** A file on its way into a cache. */
export interface Download {
  /** Path on the hub: /gpt2/resolve/.../config.json */
  readonly source: string;
  readonly cache: HubCache;
  readonly file: HubFile;
  /** Names the file, for messages. */
  readonly what: string;
  /** Told how many bytes are there, each time that there are more than ever before. */
  readonly onBytes: (bytes: number) => void;
}

/** @throws CheckpointError when the file cannot be had, is not what the hub said it is, or cannot be written */
export async function downloadFile(access: HubAccess, download: Download): Promise<void> {
  const { cache, file, what, onBytes } = download;
  const part = cache.part(digestOf(file));
  let have = await part.size();
  if (have > file.size) {
    await part.remove();
    have = 0;
  }
  await cache.requireRoom?.(file.size - have, what);
  /** The most bytes of the file that were ever there. Bytes that come once more are no progress. */
  let most = have;
  const onMore = (bytes: number) => {
    if (bytes <= most) return;
    most = bytes;
    onBytes(bytes);
  };
  /** Whether the server has refused to go on where it was cut. Each try is all of the file then, so only few are made. */
  let beginsAgain = false;
  for (let failures = 0; have < file.size; have = await part.size()) {
    const before = most;
    const got = await receive(access, { ...download, part, have, onBytes: onMore });
    if (got.bytes === file.size) break;
    access.signal?.throwIfAborted();
    beginsAgain ||= !got.continued;
    failures = most - before >= leastProgress && !beginsAgain ? 0 : failures + 1;
    if (failures < attempts) {
      await pause(firstWait * 2 ** failures, access.signal);
      continue;
    }
    const advice = beginsAgain
      ? 'The server does not go on where it was cut (it honours no ranges): each try begins again. Try on a steadier ' +
        `connection, or with another ${access.settings.endpoint}.`
      : 'Try again: what came is kept.';
    throw new CheckpointError(
      `${what}: the connection was cut ${attempts} times at ${most} of ${file.size} bytes (${got.why}). ${advice}`,
      { found: most, expected: file.size },
    );
  }
  await requireDigest(part, download);
  await part.finish();
}

/** What a content is called by: the SHA-256 of a large file, Git's name of a small one. */
export const digestOf = ({ sha256, blob }: HubFile): string => (sha256 ?? blob) as string;

/** Adds what comes to the part. Returns how much there is then, why no more came, and whether it began at `have`. */
async function receive(
  access: HubAccess,
  { source, part, have, file, what, onBytes }: Download & { readonly part: HubPart; readonly have: number },
): Promise<{ readonly bytes: number; readonly why: string; readonly continued: boolean }> {
  const range: Record<string, string> = have > 0 ? { Range: `bytes=${have}-` } : {};
  const response = await requestHub(access, source, what, { 'Accept-Encoding': 'identity', ...range });
  // A page is not shown the header by every server. Where the bytes are others, the digest tells.
  const begin = Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? `bytes ${have}-`)?.[1] ?? 0);
  // A server that knows no ranges sends all of it again.
  const keeps = response.status === 206 && begin === have;
  const continued = keeps || have === 0;
  let bytes = keeps ? have : 0;
  if (!response.ok || (response.status === 206 && !keeps)) {
    await response.body?.cancel().catch(() => {});
    await part.remove();
    return { bytes: 0, why: `the server answered ${response.status} to bytes from ${have}`, continued };
  }
  const reader = response.body?.getReader();
  const leave = () => reader?.cancel().catch(() => {});
  const nothing = { done: true, value: undefined } as const;
  /** A connection that is cut takes with it what has come and was not read: one part is always asked for. */
  const ask = async () => (await reader?.read()) ?? nothing;
  let next = ask();
  next.catch(() => {});
  const target = await part.write(bytes).catch(async (error) => {
    await leave();
    throw error;
  });
  let overflows = false;
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return { bytes, why: 'the answer ended early', continued };
      next = ask();
      next.catch(() => {});
      overflows = bytes + value.byteLength > file.size;
      if (overflows) throw tooMany(what, file.size);
      await target.add(value);
      bytes += value.byteLength;
      onBytes(bytes);
    }
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    return { bytes, why: requestReason(error), continued };
  } finally {
    await leave();
    await target.close();
    if (overflows) await part.remove();
  }
}

const tooMany = (what: string, size: number) =>
  new CheckpointError(`${what}: more than the ${formatBytes(size)} came that the hub said. Try again later.`, {
    expected: size,
  });

/** @throws CheckpointError where the content is another than the hub said; it is removed */
async function requireDigest(part: HubPart, { cache, file, what }: Download): Promise<void> {
  const { size, sha256 } = file;
  const hash = cache.hashes[sha256 === undefined ? 'sha1' : 'sha256']();
  // Git's name of a file is that of its content behind this.
  if (sha256 === undefined) hash.update(new TextEncoder().encode(`blob ${size}\0`));
  for await (const piece of part.read()) hash.update(piece);
  const [found, expected] = [hash.digest(), digestOf(file)];
  if (found === expected) return;
  await part.remove();
  throw new CheckpointError(
    `${what}: the digest of what came is ${found}, expected ${expected}. Something on the way has changed it; it was ` +
      'removed. Try again.',
    { found, expected },
  );
}
