/** Tells a model from another one of the same config without reading all of its weights. */
import { createSha256 } from '#platform';
import { bytesPerEntry, entriesOf } from '../../backend/kernels/index.js';
import type { LanguageModel } from '../../models/model.js';
import { Tensor } from '../../tensor/index.js';

/** Bytes of each sample; a multiple of 4. */
const sampleBytes = 256;

/**
 * SHA-256 of samples from the beginning, the middle and the end of each tensor, as the device holds it: training, or
 * another seed, changes all of them. Of a model with an adapter it is that of the base. One read-back of less than 1 KiB a
 * tensor.
 */
export async function weightsDigest({ device, parameters, weights, adapter }: LanguageModel): Promise<string> {
  const tensors = new Map(parameters);
  for (const [name, weight] of weights) {
    tensors.set(`${name} ${weight.format}`, weight.values);
    if ('scales' in weight) tensors.set(`${name} scales`, weight.scales);
  }
  for (const name of adapter?.parameters ?? []) for (const each of [name, `${name} f32`]) tensors.delete(each);
  const samples = [...tensors.values()].flatMap((tensor) => {
    const words = Math.floor((bytesPerEntry(tensor.dtype) * entriesOf(tensor.dtype, tensor.shape)) / 4);
    const length = Math.min(4 * words, sampleBytes);
    const last = 4 * words - length;
    return length === 0 ? [] : [0, 4 * Math.floor(last / 8), last].map((offset) => ({ tensor, offset, length }));
  });
  const total = samples.reduce((sum, { length }) => sum + length, 0);
  const gathered = Tensor.empty(device, [total / 4], 'i32', 'samples of weights');
  try {
    let at = 0;
    for (const { tensor, offset, length } of samples) {
      device.copy(tensor.storage, offset, gathered.storage, at, length);
      at += length;
    }
    const { buffer, byteOffset, byteLength } = await gathered.read();
    const hash = createSha256();
    hash.update(new TextEncoder().encode([...tensors].map(([name, { shape }]) => `${name} ${shape}`).join('\n')));
    hash.update(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
    return hash.digest();
  } finally {
    gathered.dispose();
  }
}
