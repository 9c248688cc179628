import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { lockFolder } from '../../src/platform/node/folderLock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

const claimFile = () => join(folder, '.distillm-lock-other');
const since = '2026-01-01T00:00:00Z';
const claim = async (fields: object) => {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  await writeFile(claimFile(), JSON.stringify({ host: hostname(), namespace, started: '', since, ...fields }));
};
const taken = async () => {
  const release = await lockFolder(folder);
  expect(await readdir(folder)).toHaveLength(1);
  await release();
  expect(await readdir(folder)).toEqual([]);
};

it('names the process and the host that have it, and leaves nothing behind', async () => {
  const release = await lockFolder(folder);
  const refusal = await lockFolder(folder).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(CheckpointError);
  expect((refusal as Error).message).toContain(
    `another run writes to it (process ${process.pid} on ${hostname()}, since`,
  );
  expect(await readdir(folder)).toHaveLength(1);
  await release();
  await taken();
});

it('that cannot be removed is no error of who gives it back, and no lock either', async () => {
  const release = await lockFolder(folder);
  const [name] = await readdir(folder);
  // A folder of the claim's name is what no user may unlink.
  const claimed = await readFile(join(folder, name!));
  await rm(join(folder, name!));
  await mkdir(join(folder, name!));
  await release();
  await rm(join(folder, name!), { recursive: true });
  await writeFile(join(folder, name!), claimed);
  await taken();
});

it('of a process that is dead is no lock', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await claim({ pid });
  await taken();
});

it('of a process whose number another has by now is no lock', async () => {
  await claim({ pid: process.pid, started: 'another boot 42' });
  await taken();
});

it.each(['', '{"pid":', 'null', '{"pid":"1"}'])('that a power cut left as %j is no lock', async (content) => {
  await writeFile(claimFile(), content);
  await taken();
});

it('of another host counts for an hour after its last sign of life', async () => {
  await claim({ pid: 1, host: 'elsewhere' });
  await expect(lockFolder(folder)).rejects.toThrow(
    `(process 1 on elsewhere, since 2026-01-01T00:00:00Z). Wait for it, or give another folder. If it is gone, remove '${claimFile()}'.`,
  );
  const ago = (minutes: number) => new Date(Date.now() - 60_000 * minutes);
  await utimes(claimFile(), ago(50), ago(50));
  await expect(lockFolder(folder)).rejects.toThrow('on elsewhere');
  await utimes(claimFile(), ago(120), ago(120));
  await taken();
});

it('of another container with the same host name, which is that of one before it, counts for three minutes', async () => {
  // Its process is none of ours, whatever runs under its number here.
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await claim({ pid, namespace: 'pid:[1]' });
  await expect(lockFolder(folder)).rejects.toThrow(
    `(process ${pid} on ${hostname()}, in another container, since ${since}). Wait for it, or give another folder. ` +
      `If it is gone, remove '${claimFile()}'.`,
  );
  const ago = (minutes: number) => new Date(Date.now() - 60_000 * minutes);
  await utimes(claimFile(), ago(2.5), ago(2.5));
  await expect(lockFolder(folder)).rejects.toThrow('in another container');
  await utimes(claimFile(), ago(3.5), ago(3.5));
  await taken();
});

it.runIf(process.platform === 'linux')('of this container before it was started again is no lock', async () => {
  // Its number is that of a process that lives, under the same kernel: the time of its start tells them apart.
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  await claim({ pid: process.pid, started: `${boot} 1` });
  await taken();
});

it("is renewed at the file system's time, whatever the clock of the host says", async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: new Date('2020-01-01') });
  try {
    const release = await lockFolder(folder);
    const [name] = await readdir(folder);
    const file = join(folder, name!);
    const content = await readFile(file, 'utf8');
    const old = new Date('2019-01-01');
    await utimes(file, old, old);
    await vi.advanceTimersByTimeAsync(60_000);
    const renewed = async () => (await stat(file)).mtimeMs;
    while ((await renewed()) === old.getTime()) await new Promise(setImmediate);
    await writeFile(join(folder, 'probe'), '');
    expect(Math.abs((await stat(join(folder, 'probe'))).mtimeMs - (await renewed()))).toBeLessThan(60_000);
    expect(await readFile(file, 'utf8')).toBe(content);
    await release();
    expect(await readdir(folder)).toEqual(['probe']);
  } finally {
    vi.useRealTimers();
  }
});

it('is never had by two, however many ask at once', async () => {
  let holders = 0;
  let had = 0;
  const ask = async () => {
    for (let round = 0; round < 6; round++) {
      const release = await lockFolder(folder).catch(() => undefined);
      if (!release) continue;
      expect(++holders).toBe(1);
      had++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders--;
      await release();
    }
  };
  // Claims of the dead lie about meanwhile, which all of them find and remove.
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  await claim({ pid });
  await Promise.all(Array.from({ length: 6 }, ask));
  expect(had).toBeGreaterThan(0);
  expect(await readdir(folder)).toEqual([]);
});
