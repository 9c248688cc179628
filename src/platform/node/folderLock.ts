/**
 * A folder for one writer, without a lock that outlives it. Who wants the folder writes a claim, a file with a name
 * that no other claim ever has, and then looks for claims of others that live. Of two who ask at the same time at least
 * the later one sees the other, so that never both have the folder; who sees another steps back and asks again a few
 * times. As no name is used twice, the claim of a dead process can be removed by anyone at any time.
 */
import { open, readdir, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quotedPath } from '../../inWords.js';
import { type StoreLock, storeTaken } from '../../io/fileStore.js';

interface Claim {
  readonly pid: number;
  readonly host: string;
  /** Whose numbers count: containers of one host have processes of their own. '' where the system has no such thing. */
  readonly namespace: string;
  /** Tells a process from a later one with the same number, where the system can; '' elsewhere. */
  readonly started: string;
  /** For people. */
  readonly since: string;
}

const isClaim = /^\.distillm-lock-[a-z0-9]+$/;
/** Whether a file of this name is a claim, which is none of the folder's own files. */
export const isLock = (name: string): boolean => isClaim.test(name);

const attempts = 5;
/** How often a claim is renewed. */
const renewMs = 60_000;
/**
 * After how long without that a process that cannot be looked up from here counts as dead. One of another host may be cut
 * off from the folder for a while. One of the same host name is that of a container, or of a system, that was started
 * again: it would be seen to renew its claim.
 */
const [deadElsewhereMs, deadHereMs] = [60 * 60_000, 3 * renewMs];

/**
 * Takes the folder, which must be there.
 * @returns what gives it back
 * @throws StoreTaken naming who has it
 */
export async function lockFolder(folder: string): Promise<StoreLock> {
  for (let attempt = 1; ; attempt++) {
    const path = await writeClaim(folder);
    const other = await livingClaim(folder, path);
    if (!other) return holding(path, await readFile(path));
    await rm(path, { force: true });
    if (attempt === attempts) {
      const { pid, host, since, file } = other;
      const isHere = await isLookedUpHere(other);
      const advice = isHere
        ? 'Wait for it or end it, or give another folder.'
        : `Wait for it, or give another folder. If it is gone, remove ${quotedPath(file)}.`;
      const where = !isHere && host === hostname() ? `${host}, in another container` : host;
      throw storeTaken(folder, `process ${pid} on ${where}, since ${since}`, advice);
    }
    await sleep(10 + 40 * Math.random());
  }
}

/** Claims that this process gave back and the system did not let it remove: on a disk that became read-only. */
const givenBack = new Set<string>();

function holding(path: string, claim: Uint8Array): StoreLock {
  const renew = setInterval(() => {
    writeAgain(path, claim).catch(() => {});
  }, renewMs);
  renew.unref();
  const giveBack = async () => {
    clearInterval(renew);
    // Who gives a folder back is ending, often by an error of its own, which one from here must not replace.
    await rm(path, { force: true }).catch(() => void givenBack.add(basename(path)));
  };
  const isHeld = () =>
    stat(path).then(
      () => true,
      () => false,
    );
  return Object.assign(giveBack, { isHeld });
}

/**
 * Writes the bytes that a file has over themselves: its time is then the file system's own, whatever this host's clock
 * says. Readers meanwhile see the whole of it. A file that was removed is not made again.
 */
async function writeAgain(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  await file
    .write(bytes, 0, bytes.length, 0)
    .then(() => file.sync())
    .finally(() => file.close());
}

/** The claim has its name when it is whole. */
async function writeClaim(folder: string): Promise<string> {
  const random = () => Math.random().toString(36).slice(2);
  const path = join(folder, `.distillm-lock-${random()}${random()}`);
  const part = `${path}.${process.pid}-${random()}.part`;
  const claim: Claim = {
    pid: process.pid,
    host: hostname(),
    namespace: await ownNamespace(),
    started: await startOf(process.pid),
    since: new Date().toISOString(),
  };
  await writeFile(part, `${JSON.stringify(claim)}\n`, { flag: 'wx' });
  await rename(part, path);
  return path;
}

/** A claim beside `own` whose process lives. Those of dead ones are removed. */
async function livingClaim(folder: string, own: string): Promise<(Claim & { readonly file: string }) | undefined> {
  for (const name of (await readdir(folder)).filter(isLock)) {
    const file = join(folder, name);
    if (file === own) continue;
    const claim = await readClaim(file);
    if (claim === 'gone') continue;
    if (claim && !givenBack.has(name) && (await lives(claim, file, own))) return { ...claim, file };
    await rm(file, { force: true });
  }
  return undefined;
}

/** undefined for what is no claim: one that a power cut has emptied. */
async function readClaim(file: string): Promise<Claim | 'gone' | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return 'gone';
  }
  try {
    const claim = JSON.parse(text) as Partial<Claim> | null;
    return typeof claim?.pid === 'number' && typeof claim.host === 'string' ? (claim as Claim) : undefined;
  } catch {
    return undefined;
  }
}

async function lives(claim: Claim, file: string, own: string): Promise<boolean> {
  const { pid, started } = claim;
  if (await isLookedUpHere(claim)) return isRunning(pid) && (await startOf(pid)) === started;
  // Both times are the file system's own: the clocks of two hosts may differ.
  const times = await Promise.all([stat(file), stat(own)]).catch(() => undefined);
  const deadMs = claim.host === hostname() ? deadHereMs : deadElsewhereMs;
  return times !== undefined && times[1].mtimeMs - times[0].mtimeMs < deadMs;
}

/** Whether the number of the claim's process means that process here. */
const isLookedUpHere = async ({ host, namespace }: Claim): Promise<boolean> =>
  host === hostname() && namespace === (await ownNamespace());

/** 'pid:[4026531836]' */
const ownNamespace = (): Promise<string> => readlink('/proc/self/ns/pid').catch(() => '');

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process refuses the signal.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, and since which start of the system; '' where the system does not say. */
async function startOf(pid: number): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const process = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in brackets, may hold anything. The start is the 22nd field.
    const fields = process.slice(process.lastIndexOf(')') + 2).split(' ');
    return `${boot.trim()} ${fields[19]}`;
  } catch {
    return '';
  }
}
