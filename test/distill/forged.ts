/** States of runs, changed on purpose. */
import { createHash } from 'node:crypto';
import {
  type FileStore,
  openSafetensors,
  readElements,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/io/index.js';

const manifestFile = 'distillm-state.json';
const stateFile = 'trainer-state.safetensors';

/** Writes the digest of a file into the manifest of its state: its bytes are then those that were written. */
export async function sign(state: FileStore, file: string): Promise<void> {
  const manifest = JSON.parse(new TextDecoder().decode(await state.read(manifestFile)));
  const bytes = await state.read(file);
  manifest.files[file] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  await state.write(manifestFile, [new TextEncoder().encode(JSON.stringify(manifest))]);
}

interface Changes {
  /** By the name of a tensor. */
  readonly tensors?: Readonly<Record<string, (values: Float32Array | Uint8Array) => Float32Array | Uint8Array>>;
  /** Of the JSON text that says what is no tensor. */
  readonly state?: (text: string) => string;
}

/** Changes what a file of tensors says, and signs it. */
export async function forge(state: FileStore, file: string, { tensors = {}, state: changed }: Changes): Promise<void> {
  const source = await openSafetensors(state, file);
  const written: { name: string; dtype: 'F32' | 'U8'; shape: readonly number[]; values: Float32Array | Uint8Array }[] =
    [];
  for (const [name, entry] of source.entries) {
    const dtype = entry.dtype as 'F32' | 'U8';
    const found = await readElements(source, name, dtype);
    const values = tensors[name]?.(found) ?? found;
    written.push({ name, dtype, shape: dtype === 'U8' ? [values.length] : entry.shape, values });
  }
  const toWrite = written.map(({ values, ...rest }) => ({ ...rest, read: async () => values })) as TensorToWrite[];
  const text = source.metadata.state;
  const metadata = changed && text !== undefined ? { ...source.metadata, state: changed(text) } : source.metadata;
  await writeSafetensors(state, file, toWrite, { metadata });
  await sign(state, file);
}

/** Changes the JSON of a state: fields of the whole, and within its progress. */
export const forgeState = (state: FileStore, change: Readonly<Record<string, unknown>>): Promise<void> =>
  forge(state, stateFile, {
    state(text) {
      const whole = JSON.parse(text);
      const { progress } = change;
      const merged = 'progress' in change && !progress ? {} : { progress: { ...whole.progress, ...Object(progress) } };
      return JSON.stringify({ ...whole, ...change, ...merged });
    },
  });
