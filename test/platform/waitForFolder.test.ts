import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { storeTaken } from '../../src/io/fileStore.js';
import { waitForFolder } from '../../src/platform/node/hub/waitForFolder.js';

/** Another process has the folder for so many looks; what a look and a wait do. */
const other = vi.hoisted(() => ({ looks: 0, waited: 0, onLook: async (_: number): Promise<void> => {} }));
vi.mock('../../src/io/pause.js', () => ({
  pause: async (ms: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    other.waited += ms;
  },
}));
vi.mock('../../src/platform/node/folderLock.js', () => ({
  isLock: () => false,
  lockFolder: async (folder: string) => {
    await other.onLook(other.looks);
    if (other.looks-- > 0) throw storeTaken(folder, 'process 7 on elsewhere', 'Wait.');
    return async () => {};
  },
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distillm-wait-'));
  await mkdir(join(folder, 'blobs'));
  Object.assign(other, { looks: 0, waited: 0, onLook: async () => {} });
});
afterEach(() => rm(folder, { recursive: true }));
const wait = (signal?: AbortSignal) => waitForFolder(join(folder, 'locks'), { signal, growing: join(folder, 'blobs') });

it('another process that downloads is waited for, for as long as bytes come', async () => {
  other.looks = 4000;
  other.onLook = async (left) => {
    if (left % 1000 === 0) await writeFile(join(folder, 'blobs/a'), 'x'.repeat(1 + (4000 - left) / 1000));
  };
  await (await wait())();
  expect(other.waited).toBe(4000 * 250);
});

it('one that gets nothing for six minutes is named, and not waited for any longer', async () => {
  other.looks = 1e6;
  await expect(wait()).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    found: 'process 7 on elsewhere',
    message: expect.stringMatching(
      /blobs: another process downloads .*process 7 on elsewhere.* for 6 minutes\. End that/,
    ),
  });
  expect(other.waited).toBe(6 * 60_000);
});

it('a signal ends the wait', async () => {
  other.looks = 1e6;
  const stop = new AbortController();
  other.onLook = async (left) => {
    if (left < 1e6 - 5) stop.abort(new Error('enough'));
  };
  await expect(wait(stop.signal)).rejects.toThrow('enough');
  expect(other.waited).toBeLessThan(3000);
});
