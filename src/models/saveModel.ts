import type { FileStore } from '../io/fileStore.js';
import { openFolder } from '../io/openFolder.js';
import { writeSafetensors } from '../io/writeSafetensors.js';
import type { LanguageModel } from './model.js';

export interface SaveOptions {
  /** 'f32' by default; 'f16' halves the file and rounds to nearest. */
  readonly dtype?: 'f32' | 'f16';
  /** More files for the folder, tokenizer files for instance. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
}

/**
 * Saves a model as a Hugging Face folder: config.json, model.safetensors and `files`. Each file is written aside and
 * renamed; weights leave the device one tensor at a time.
 * @example
 * await saveModel(student, './student', { files: { 'tokenizer.json': tokenizerJson } });
 * @throws OptionError when the target cannot be written to
 */
export async function saveModel(
  model: LanguageModel,
  target: string | FileStore,
  { dtype = 'f32', files = {} }: SaveOptions = {},
): Promise<void> {
  const store = openFolder(target);
  // transformers 5 calls the field `dtype`, earlier versions `torch_dtype`; each reads the latter.
  const { dtype: _, ...fields } = model.config;
  const config = { ...fields, torch_dtype: dtype === 'f32' ? 'float32' : 'float16' };
  const texts = { 'config.json': `${JSON.stringify(config, null, 2)}\n`, ...files };
  for (const [path, file] of Object.entries(texts)) {
    await store.write(path, [typeof file === 'string' ? new TextEncoder().encode(file) : file]);
  }
  const tensors = [...model.parameters].map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    read: async () => (await tensor.read()) as Float32Array,
  }));
  await writeSafetensors(store, 'model.safetensors', tensors, { dtype });
}
