/**
 * One file of Hugging Face into the cache. What came before a connection was cut is kept, also after the process has
 * ended, and the rest is asked for; a file has its name only when its size and its digest are right.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CheckpointError, formatBytes } from '../../../errors.js';
import type { HubFile } from '../../../io/hub/listing.js';
import { pause } from '../../../io/hub/pause.js';
import { type HubAccess, requestHub } from '../../../io/hub/requests.js';
import { writing } from './writing.js';

/** A connection may be cut so often in a row without that anything new comes. */
const attempts = 5;
/** Between a cut and the next try, in ms: twice as long after each try that brought nothing new. */
const firstWait = 100;

/**
 * @param source path on the hub: /gpt2/resolve/.../config.json
 * @param target where the file goes; `${target}.distillm-incomplete` has what came so far
 * @param what names the file, for messages
 * @param onBytes told how many bytes are there, each time that there are more than ever before
 * @throws CheckpointError when it cannot be had, is not what the hub said it is, or cannot be written
 */
export async function downloadFile(
  access: HubAccess,
  {
    source,
    target,
    file,
    what,
    onBytes,
  }: {
    readonly source: string;
    readonly target: string;
    readonly file: HubFile;
    readonly what: string;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<void> {
  const part = `${target}.distillm-incomplete`;
  await writing(target, () => mkdir(dirname(target), { recursive: true }));
  if ((await sizeOf(part)) > file.size) await rm(part, { force: true });
  /** The most bytes of the file that were ever there. Bytes that come once more are no progress. */
  let most = await sizeOf(part);
  const onMore = (bytes: number) => {
    if (bytes <= most) return;
    most = bytes;
    onBytes(bytes);
  };
  /** Whether the server has refused to go on where it was cut. Each try is all of the file then, so only few are made. */
  let beginsAgain = false;
  for (let failures = 0; ; ) {
    const have = await sizeOf(part);
    if (have === file.size) break;
    const before = most;
    const got = await receive(access, { source, part, have, file, what, onBytes: onMore });
    if (got.bytes === file.size) break;
    access.signal?.throwIfAborted();
    beginsAgain ||= !got.continued;
    failures = most > before && !beginsAgain ? 0 : failures + 1;
    if (failures < attempts) {
      await pause(firstWait * 2 ** failures, access.signal);
      continue;
    }
    const advice = beginsAgain
      ? 'The server does not go on where it was cut (it honours no ranges): each try begins again. Try on a steadier ' +
        'connection, or with another HF_ENDPOINT.'
      : 'Try again: what came is kept.';
    throw new CheckpointError(
      `${what}: the connection was cut ${attempts} times at ${most} of ${file.size} bytes (${got.why}). ${advice}`,
      { found: most, expected: file.size },
    );
  }
  await requireDigest(part, file, what);
  await writing(target, () => rename(part, target));
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Adds what comes to the part. Returns how much there is then, why no more came, and whether it began at `have`. */
async function receive(
  access: HubAccess,
  {
    source,
    part,
    have,
    file,
    what,
    onBytes,
  }: {
    readonly source: string;
    readonly part: string;
    readonly have: number;
    readonly file: HubFile;
    readonly what: string;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<{ readonly bytes: number; readonly why: string; readonly continued: boolean }> {
  const range: Record<string, string> = have > 0 ? { Range: `bytes=${have}-` } : {};
  const response = await requestHub(access, source, what, { 'Accept-Encoding': 'identity', ...range });
  const begin = Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? 0);
  // A server that knows no ranges sends all of it again.
  const keeps = response.status === 206 && begin === have;
  const continued = keeps || have === 0;
  let bytes = keeps ? have : 0;
  if (!response.ok || (response.status === 206 && !keeps)) {
    await response.body?.cancel().catch(() => {});
    await rm(part, { force: true });
    return { bytes: 0, why: `the server answered ${response.status} to bytes from ${have}`, continued };
  }
  const target = await writing(part, () => open(part, keeps ? 'r+' : 'w'));
  try {
    const reader = response.body?.getReader();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done) return { bytes, why: 'the answer ended early', continued };
      if (bytes + value.byteLength > file.size) {
        await reader?.cancel().catch(() => {});
        await rm(part, { force: true });
        throw new CheckpointError(
          `${what}: more than the ${formatBytes(file.size)} came that the hub said. Try again later.`,
          { expected: file.size },
        );
      }
      for (let done = 0; done < value.byteLength; ) {
        const written = await writing(part, () => target.write(value, done, value.byteLength - done, bytes + done));
        done += written.bytesWritten;
      }
      bytes += value.byteLength;
      onBytes(bytes);
    }
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    return { bytes, why: error instanceof Error ? error.message : String(error), continued };
  } finally {
    await target.sync().catch(() => {});
    await target.close();
  }
}

/** @throws CheckpointError where the content is another than the hub said; it is removed */
async function requireDigest(part: string, { size, sha256, blob }: HubFile, what: string): Promise<void> {
  const hash = createHash(sha256 === undefined ? 'sha1' : 'sha256');
  // Git's name of a file is that of its content behind this.
  if (sha256 === undefined) hash.update(`blob ${size}\0`);
  // Where there is nothing to download, there is no part either.
  if (size === 0) await writing(part, () => open(part, 'a').then((file) => file.close()));
  for await (const piece of createReadStream(part)) hash.update(piece as Uint8Array);
  const [found, expected] = [hash.digest('hex'), sha256 ?? blob];
  if (found === expected) return;
  await rm(part, { force: true });
  throw new CheckpointError(
    `${what}: the digest of what came is ${found}, expected ${expected}. Something on the way has changed it; it was ` +
      'removed. Try again.',
    { found, expected },
  );
}
