/** Tells the model that answered from another one in its place, as best/ of a run that has gone on, without reading it whole. */
import { createHash } from 'node:crypto';
import type { Answerer } from './answering.js';

/** Bytes of each sample. */
const sampleBytes = 256;

/**
 * SHA-256 of the tokenizer, the config, and samples from the middle of each stored tensor, those of an adapter too: training
 * changes some of all.
 * @throws CheckpointError where the model cannot be read
 */
export async function modelDigest({ checkpoint, tokenizer }: Answerer): Promise<string> {
  const hash = createHash('sha256');
  const { fields } = await checkpoint.config();
  hash.update(JSON.stringify([tokenizer.save(), fields]));
  const adapter = await checkpoint.adapter();
  for (const source of [await checkpoint.tensors(), ...(adapter ? [await adapter.tensors()] : [])]) {
    for (const [name, { shape, byteLength }] of source.entries) {
      hash.update(JSON.stringify([name, shape]));
      const sample = new Uint8Array(Math.min(byteLength, sampleBytes));
      await source.readInto(name, Math.floor((byteLength - sample.length) / 2), sample);
      hash.update(sample);
    }
  }
  return hash.digest('hex');
}
