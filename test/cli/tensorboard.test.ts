import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBoard, tryBoard } from '../../src/cli/tensorboard/board.js';
import { crc32c, recordsUntil, scalarsRecord, versionRecord } from '../../src/cli/tensorboard/eventFile.js';
import type { StepEvent, ValidationEvent } from '../../src/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'distillm-board-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const warn = (line: string) => expect.unreachable(line);

/** What a record says. Written from the specifications, not from the code that writes. */
interface Decoded {
  wallTime?: number;
  step: number;
  version?: string;
  restart?: boolean;
  scalars: Record<string, number>;
}

/** CRC-32C bit by bit, from its polynomial 1EDC6F41: no table, no reflection. */
function slowCrc(bytes: Uint8Array): number {
  const reflected = (value: number, bits: number) => {
    let turned = 0n;
    for (let i = 0; i < bits; i++) if (value & (2 ** i)) turned |= 1n << BigInt(bits - 1 - i);
    return Number(turned);
  };
  let register = 0xffffffffn;
  for (const byte of bytes) {
    register ^= BigInt(reflected(byte, 8)) << 24n;
    for (let bit = 0; bit < 8; bit++) {
      const top = register >> 31n;
      register = (register << 1n) & 0xffffffffn;
      if (top === 1n) register ^= 0x1edc6f41n;
    }
  }
  let turned = 0n;
  for (let i = 0n; i < 32n; i++) if ((register >> i) & 1n) turned |= 1n << (31n - i);
  return Number(turned ^ 0xffffffffn);
}
const masked = (bytes: Uint8Array) => {
  const crc = BigInt(slowCrc(bytes));
  return Number(((((crc >> 15n) | (crc << 17n)) & 0xffffffffn) + 0xa282ead8n) & 0xffffffffn);
};

/** The fields of a protocol buffer: numbers of varints and floats, bytes of the others. */
function* fieldsOf(bytes: Buffer): Generator<{ field: number; wire: number; value: number; bytes: Buffer }> {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(bytes.readUInt8(at++));
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return Number(value);
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, wire] = [key >> 3, key & 7];
    if (wire === 0) yield { field, wire, value: varint(), bytes: Buffer.alloc(0) };
    else if (wire === 1) {
      yield { field, wire, value: bytes.readDoubleLE(at), bytes: Buffer.alloc(0) };
      at += 8;
    } else if (wire === 5) {
      yield { field, wire, value: bytes.readFloatLE(at), bytes: Buffer.alloc(0) };
      at += 4;
    } else if (wire === 2) {
      const length = varint();
      yield { field, wire, value: Number.NaN, bytes: bytes.subarray(at, at + length) };
      at += length;
    } else throw new Error(`wire type ${wire}`);
  }
}

function decode(file: Buffer): Decoded[] {
  const events: Decoded[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(data).toHaveLength(length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data));
    at += 16 + length;
    const event: Decoded = { step: 0, scalars: {} };
    for (const { field, wire, value, bytes } of fieldsOf(data)) {
      if (field === 1 && wire === 1) event.wallTime = value;
      else if (field === 2 && wire === 0) event.step = value;
      else if (field === 3) event.version = bytes.toString();
      else if (field === 7) event.restart = [...fieldsOf(bytes)].some((each) => each.field === 1 && each.value === 1);
      else if (field === 5) {
        for (const summary of fieldsOf(bytes)) {
          expect(summary.field).toBe(1);
          const parts = [...fieldsOf(summary.bytes)];
          expect(parts.map((part) => [part.field, part.wire])).toEqual([
            [1, 2],
            [2, 5],
          ]);
          event.scalars[parts[0]!.bytes.toString()] = parts[1]!.value;
        }
      } else throw new Error(`field ${field} of wire type ${wire}`);
    }
    events.push(event);
  }
  return events;
}

const files = () => readdirSync(folder).sort();
const read = (name: string) => decode(readFileSync(join(folder, name)));
const readAll = () => files().flatMap(read);

const step = (at: number): StepEvent => ({
  ...{ type: 'step', step: at, totalSteps: 9, epoch: 1, source: at % 2 === 0 ? 'replay' : 'data', loss: 1 / at },
  ...{ terms: { divergence: 0.5 }, gradNorm: 2, lr: 1e-3, phi: 0.25, bufferSize: 3, tokens: 9, lossTokens: 5 },
  ...{ skipped: false, stepMs: 10, generationMs: 0, tokensPerSecond: 900 },
});
const validation = (at: number): ValidationEvent => ({
  ...{ type: 'validation', step: at, epoch: 1, loss: 2, rougeL: 31.5, phi: 0.25, raised: false, best: true, ms: 1 },
});

describe('CRC-32C', () => {
  const bytes = (length: number, of: (index: number) => number) => Uint8Array.from({ length }, (_, i) => of(i));
  it.each([
    ['nothing', new Uint8Array(), 0],
    ['"123456789"', new TextEncoder().encode('123456789'), 0xe3069283],
    ['32 bytes of 0, as RFC 3720 has it', bytes(32, () => 0), 0x8a9136aa],
    ['32 bytes of FF', bytes(32, () => 0xff), 0x62a8ab43],
    ['0 to 31', bytes(32, (i) => i), 0x46dd794e],
    ['31 to 0', bytes(32, (i) => 31 - i), 0x113fdb5c],
  ])('of %s', (_, data, expected) => {
    expect(crc32c(data)).toBe(expected);
    expect(slowCrc(data)).toBe(expected);
  });
});

describe('event files', () => {
  it('hold the curves of steps and validations under names that TensorBoard takes', () => {
    const board = openBoard(folder, { warn, now: () => 1_764_270_000_250 });
    board({
      type: 'start',
      step: 0,
      totalSteps: 9,
      stepsPerEpoch: 3,
      trainSamples: 3,
      trainedParameters: 1,
      remarks: [],
    });
    board(validation(0));
    board(step(1));
    board(step(2));
    board({ type: 'checkpoint', kind: 'last', step: 2, path: 'x' });
    expect(files()).toEqual(['events.out.tfevents.1764270000.distillm.000']);
    const [first, ...events] = readAll();
    expect(first).toEqual({ wallTime: 1_764_270_000.25, step: 0, version: 'brain.Event:2', scalars: {} });
    expect(events.map((event) => event.step)).toEqual([0, 1, 2]);
    expect(events[0]!.scalars).toEqual({ 'validation/loss': 2, 'validation/rougeL': 31.5, 'validation/phi': 0.25 });
    expect(events[2]!.scalars).toEqual({
      ...{ 'train/loss': 0.5, 'train/gradNorm': 2, 'train/lr': Math.fround(1e-3), 'train/phi': 0.25 },
      ...{ 'train/bufferSize': 3, 'train/tokensPerSecond': 900, 'terms/divergence': 0.5 },
      ...{ 'source/data': 0, 'source/generate': 0, 'source/replay': 1 },
    });
  });

  it('hold steps and lengths of more than seven bits, and values that are no numbers', () => {
    const time = { wallTime: 1.5, step: 3_000_000_000 };
    const tag = 'x'.repeat(300);
    const [event] = decode(
      Buffer.from(
        scalarsRecord(time, [
          { tag, value: Number.NaN },
          { tag: 'é', value: -1e-8 },
        ]),
      ),
    );
    expect(event).toEqual({ ...time, scalars: { [tag]: Number.NaN, é: Math.fround(-1e-8) } });
    expect(decode(Buffer.from(versionRecord({ wallTime: 0, step: 127 })))[0]!.step).toBe(127);
    expect(decode(Buffer.from(versionRecord({ wallTime: 0, step: 128 })))[0]!.step).toBe(128);
  });

  it('of a resumed run have no step twice, nor what a kill cut, and tell an open TensorBoard to go back', () => {
    const board = openBoard(folder, { warn, now: () => 1_764_270_000_000 });
    for (let at = 1; at <= 6; at++) board(step(at));
    const [name] = files() as [string];
    const whole = readFileSync(join(folder, name));
    writeFileSync(join(folder, name), whole.subarray(0, -5));
    // The clock was put back meanwhile.
    const resumed = openBoard(folder, { warn, goesOnAfter: 4, now: () => 1_764_000_000_000 });
    resumed(step(5));
    const again = openBoard(folder, { warn, goesOnAfter: 5, now: () => 1_764_270_000_000 });
    again(step(6));
    expect(files()).toEqual(['000', '001', '002'].map((count) => `events.out.tfevents.1764270000.distillm.${count}`));
    const steps = readAll().filter(({ scalars }) => Object.keys(scalars).length > 0);
    expect(steps.map((event) => event.step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(readAll().flatMap(({ restart, step: at }) => (restart ? [at] : []))).toEqual([5, 6]);
    expect(readAll().filter(({ version }) => version === 'brain.Event:2')).toHaveLength(3);
  });

  it('are cut at the first record that is damaged', () => {
    const records = [1, 2, 3].map((at) => scalarsRecord({ wallTime: 0, step: at }, [{ tag: 'a', value: at }]));
    const length = records[0]!.length;
    for (const [at, kept] of [
      [0, 0],
      [9, 0],
      [20, 0],
      [length + 3, 1],
      [2 * length - 1, 1],
      [3 * length - 1, 2],
    ] as const) {
      const file = Buffer.concat(records);
      file[at]! ^= 0x10;
      expect(recordsUntil(file, 9), `byte ${at}`).toHaveLength(kept);
    }
    expect(recordsUntil(Buffer.concat(records), 2)).toHaveLength(2);
  });

  it('that cannot be written are a warning, once, and not the end of the run', () => {
    const warnings: string[] = [];
    const board = openBoard(folder, { warn: (line) => warnings.push(line) });
    board(step(1));
    const file = join(folder, files()[0]!);
    rmSync(file);
    board(step(2));
    board(step(3));
    expect(warnings).toEqual([
      `--tensorboard ${file} cannot be written: there is no such file or folder (ENOENT). Check the path. The run goes on without its curves.`,
    ]);
  });

  it('begin with the first number: a run that has none leaves none', () => {
    for (const goesOnAfter of [undefined, 9]) {
      const board = openBoard(folder, { warn, goesOnAfter });
      board({ type: 'checkpoint', kind: 'last', step: 9, path: 'x' });
      expect(files()).toEqual([]);
    }
    const warnings: string[] = [];
    const board = openBoard(join(folder, 'file/board'), { warn: (line) => warnings.push(line) });
    writeFileSync(join(folder, 'file'), '');
    board(step(1));
    board(step(2));
    expect(warnings).toEqual([
      expect.stringMatching(/^--tensorboard .*board cannot be written: .* without its curves/),
    ]);
  });

  it('of another run are not added to', () => {
    openBoard(folder, { warn })(step(1));
    expect(() => tryBoard(folder, { resume: false })).toThrow(
      /--tensorboard .* has the curves of another run, events\.out\.tfevents\..*: TensorBoard would show both as one/,
    );
    expect(() => tryBoard(folder, { resume: true })).not.toThrow();
    expect(() => tryBoard(join(folder, 'new'), { resume: false })).not.toThrow();
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });
});
