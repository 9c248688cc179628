import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { embed } from '../../../scripts/embed.js';
import type { Device } from '../../../src/backend/backend.js';
import { openWasm } from '../../../src/backend/wasm/index.js';
import { DeviceError, DisposedError, LimitError, OptionError } from '../../../src/errors.js';
import { arithmetics } from '../../harness/arithmetics.js';

const opened: Device[] = [];
const open = async (options: Parameters<typeof openWasm>[0]) => {
  const backend = await openWasm(options);
  opened.push(backend);
  return backend;
};
afterEach(async () => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  for (const backend of opened.splice(0)) await backend.dispose();
});

const GiB = 1024 ** 3;

describe('WASM backend', () => {
  it('counts live and peak memory', async () => {
    const backend = await open({ threads: 1 });
    const [a, b] = [backend.allocate(4000, 'a'), backend.allocate(8000, 'b')];
    expect(backend.memory()).toMatchObject({ liveBytes: 12_000, peakBytes: 12_000, liveStorages: 2 });
    backend.free(a);
    backend.free(a);
    expect(backend.memory()).toMatchObject({ liveBytes: 8000, peakBytes: 12_000, liveStorages: 1 });
    expect(() => backend.clear(a)).toThrow(DisposedError);
    expect(() => backend.write(b, new Float32Array(2001))).toThrow(OptionError);
  });

  it('reads, writes, copies and clears parts', async () => {
    const backend = await open({ threads: 1 });
    const [a, b] = [backend.allocate(20, 'a'), backend.allocate(20, 'b')];
    backend.write(a, Int32Array.of(1, 2, 3, 4, 5));
    backend.clear(b);
    backend.copy(a, 4, b, 8, 8);
    backend.write(b, Float32Array.of(0.5), 16);
    expect(await backend.read(b, 'i32', 0, 4)).toEqual(Int32Array.of(0, 0, 2, 3));
    expect(await backend.read(b, 'f32', 16)).toEqual(Float32Array.of(0.5));
    expect(await backend.read(a, 'u32', 12, 2)).toEqual(Uint32Array.of(4, 5));
  });

  it.each([1, 2])('works above 2 GiB and says when 4 GiB are full, %i threads', async (threads) => {
    const backend = await open({ threads });
    const below = backend.allocate(2.2 * GiB, 'untouched pages cost nothing');
    const size = 300_007;
    const [a, b, y] = ['a', 'b', 'y'].map((name) => backend.allocate(4 * size, name));
    backend.write(a!, new Float32Array(size).fill(2));
    backend.write(b!, new Float32Array(size).fill(3));
    backend.run('add', { dims: { size }, operands: { a: a!, b: b!, y: y! }, params: {} });
    expect((await backend.read(y!, 'f32')).every((value) => value === 5)).toBe(true);
    expect(() => backend.allocate(2 * GiB, 'logits')).toThrow(LimitError);
    backend.free(below);
    backend.free(backend.allocate(2 * GiB, 'fits now'));
  });

  it.each([1, 2])('use after dispose is a DisposedError, twice is harmless, %i threads', async (threads) => {
    const backend = await open({ threads });
    const x = backend.allocate(16, 'x');
    await backend.dispose();
    await backend.dispose();
    expect(backend.memory().liveStorages).toBe(0);
    expect(() => backend.allocate(4, 'late')).toThrow(DisposedError);
    expect(() => backend.clear(x)).toThrow(DisposedError);
    await expect(backend.read(x, 'f32')).rejects.toThrow(DisposedError);
    backend.free(x);
  });

  it('refuses a number of threads that is none', async () => {
    for (const threads of [0, -1, 1.5, Number.NaN, 1000])
      await expect(openWasm({ threads })).rejects.toThrow(OptionError);
  });

  it('takes one thread where memory cannot be shared', async () => {
    vi.stubGlobal('crossOriginIsolated', false);
    const backend = await open({ threads: 4 });
    expect(backend.info.threads).toBe(1);
    expect(backend.info.oneThreadBecause).toMatch(
      /not cross-origin isolated: .*Cross-Origin-Opener-Policy: same-origin/,
    );
    expect((await open({ threads: 1 })).info.oneThreadBecause).toBeUndefined();
    expect(backend.info.description).toMatch(/^WASM SIMD, 1 thread, /);
  });

  it('refuses an arithmetic that is none', async () => {
    const refused = await openWasm({ arithmetic: 'relaxed' as never }).catch((error) => error);
    expect(refused).toBeInstanceOf(OptionError);
    expect(refused.message).toMatch(/^openWasm: arithmetic is relaxed, expected .*fused.*plain/);
  });

  it.skipIf(arithmetics.length === 1)('fuses where that is possible, and not where plain is asked for', async () => {
    for (const threads of [1, 2]) {
      const { info } = await open({ threads });
      expect(info).toMatchObject({ arithmetic: 'fused', threads });
      expect(info.plainBecause).toBeUndefined();
      expect(info.description).toMatch(/, fused arithmetic$/);
    }
    const { info } = await open({ threads: 1, arithmetic: 'plain' });
    expect(info).toMatchObject({ arithmetic: 'plain', plainBecause: "It was asked for by arithmetic: 'plain'." });
    expect(info.description).toMatch(/, plain arithmetic$/);
    vi.stubGlobal('crossOriginIsolated', false);
    expect((await open({ arithmetic: 'fused' })).info).toMatchObject({ arithmetic: 'fused', threads: 1 });
  });

  it('is plain where the engine lacks relaxed SIMD, and says so', async () => {
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    const why = 'This WebAssembly engine has no relaxed SIMD.';
    expect((await open({ threads: 1 })).info).toMatchObject({ arithmetic: 'plain', plainBecause: why });
    const refused = await openWasm({ arithmetic: 'fused' }).catch((error) => error);
    expect(refused).toBeInstanceOf(DeviceError);
    expect(refused.message).toBe(
      `openWasm: arithmetic: 'fused' is not to be had here. ${why} Leave arithmetic out, or take 'plain'.`,
    );
    expect(refused).toMatchObject({ found: 'plain', expected: 'fused' });
  });
});

describe('a Node process', () => {
  it('ends by itself when the work is done, without dispose', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'distillm-exit-'));
    try {
      const entry = join(folder, 'entry.ts');
      await writeFile(
        entry,
        `import { openWasm } from ${JSON.stringify(resolve('src/backend/wasm/index.ts'))};
        const device = await openWasm({ threads: 3, revectorize: process.argv[2] === 'pack' });
        const size = 1_000_000;
        const [a, b, y] = ['a', 'b', 'y'].map((name) => device.allocate(4 * size, name));
        device.write(a, new Float32Array(size).fill(1));
        device.write(b, new Float32Array(size).fill(2));
        device.run('add', { dims: { size }, operands: { a, b, y }, params: {} });
        console.log(JSON.stringify({ value: (await device.read(y, 'f32'))[size - 1], ...device.info }));`,
      );
      await build({
        logLevel: 'error',
        configFile: false,
        plugins: [embed()],
        resolve: { alias: { '#platform': resolve('src/platform/node/index.ts') } },
        ssr: { noExternal: true },
        build: {
          ssr: entry,
          outDir: folder,
          emptyOutDir: false,
          target: 'esnext',
          rollupOptions: { output: { entryFileNames: 'entry.mjs' } },
        },
      });
      const run = async (flags: string[], ...args: string[]) => {
        const words = [...flags, join(folder, 'entry.mjs'), ...args];
        const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { timeout: 20_000, env: {} });
        expect(stderr).toBe('');
        return JSON.parse(stdout);
      };
      expect(await run([])).toMatchObject({ value: 3, threads: 3, revectorized: false });
      const x64 = process.arch === 'x64';
      expect(await run([], 'pack')).toMatchObject({ value: 3, revectorized: x64 });
      // As on a processor without a fused multiply-add: nothing is wrong with its vectors.
      const plain = { arithmetic: 'plain', plainBecause: 'Multiply-add rounds twice on this processor.' };
      if (x64)
        expect(await run(['--no-enable-fma3'], 'pack')).toMatchObject({ value: 3, revectorized: true, ...plain });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
