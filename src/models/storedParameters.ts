/** The tensors of a model that a folder of `saveModel` holds, for whoever reads them back into the same model. */
import { openCheckpoint } from '../checkpoints/index.js';
import type { FileStore } from '../io/fileStore.js';
import type { TensorSource } from '../io/tensorSource.js';
import type { Tensor } from '../tensor/index.js';
import { peftName } from './lora/peftFile.js';
import type { LanguageModel } from './model.js';

/** By the names in the file: all parameters, of a model with an adapter those of the adapter. */
export const storedParameters = ({
  parameters,
  adapter,
}: Pick<LanguageModel, 'parameters' | 'adapter'>): ReadonlyMap<string, Tensor> =>
  adapter ? new Map(adapter.parameters.map((name) => [peftName(name), parameters.get(name) as Tensor])) : parameters;

/** The file that has them. @throws CheckpointError when there is none, or it is malformed */
export async function storedTensors(folder: FileStore, { adapter }: LanguageModel): Promise<TensorSource> {
  const checkpoint = await openCheckpoint(folder);
  return ((adapter && (await checkpoint.adapter())) ?? checkpoint).tensors();
}
