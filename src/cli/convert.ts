/** Data files written anew: JSON lines of instruction, input and output, or of messages, whatever they were before. */
import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { CheckpointError, type DataRecord, type InstructionFields, readRecords } from '../index.js';
import { heldOutOrder } from '../random.js';
import { unwritable } from './outputs.js';

interface Conversion {
  readonly fields?: InstructionFields;
  readonly languages?: string;
  /** Records of all files. */
  readonly total: number;
  readonly out: string;
  readonly heldOut: string | undefined;
  /** So many of them go into `heldOut`: those that training would hold out. */
  readonly validation: number | undefined;
}

/**
 * Writes the records that can be used, in their order. Each file is written aside and renamed: one that is there is whole.
 * @returns records by the file that they went into
 * @throws CheckpointError where the system refuses
 */
export async function convert(
  files: readonly string[],
  { total, out, heldOut, validation = 0, ...names }: Conversion,
): Promise<ReadonlyMap<string, number>> {
  const held = new Set(heldOutOrder(total).subarray(0, validation));
  const outputs = [
    { flag: '--out', path: out, takes: (index: number) => !held.has(index) },
    ...(heldOut === undefined
      ? []
      : [{ flag: '--held-out', path: heldOut, takes: (index: number) => held.has(index) }]),
  ];
  const written = new Map<string, number>();
  for (const { flag, path, takes } of outputs) {
    let records = 0;
    async function* lines(): AsyncGenerator<string> {
      let index = 0;
      for await (const record of readRecords(files, { ...names, skipInvalid: true })) {
        if (!takes(index++)) continue;
        records++;
        yield `${JSON.stringify(fieldsOf(record))}\n`;
      }
    }
    await writeLines(flag, path, lines());
    written.set(path, records);
  }
  return written;
}

async function writeLines(flag: string, path: string, lines: AsyncIterable<string>): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  const packing = /\.gz$/i.test(path) ? [createGzip()] : [];
  try {
    await pipeline([Readable.from(lines), ...packing, createWriteStream(part, { flags: 'wx' })]);
    renameSync(part, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw new CheckpointError(`${flag} ${path} ${unwritable(cause)}`, { found: path, cause });
  } finally {
    rmSync(part, { force: true });
  }
}

/** As `readInstructions` reads them again, to the same samples. */
function fieldsOf(record: DataRecord): object {
  if ('messages' in record) return { messages: record.messages };
  const { instruction, input, prefix, outputs } = record;
  return {
    instruction,
    input,
    ...(prefix !== undefined && { prefix }),
    ...(outputs.length > 0 && { output: outputs.length === 1 ? outputs[0] : outputs }),
  };
}
