/** How the positions of a GGUF file turn, in the words of config.json. */
import { CheckpointError } from '../../errors.js';
import { readFloats } from '../../io/tensorSource.js';
import type { GgufModel } from './architecture.js';
import type { Metadata } from './metadata.js';

/** Factors of the pairs, which files of Llama 3.1 and later have as a tensor. */
const factorsName = 'rope_freqs.weight';

/**
 * rope_theta, and rope_scaling where positions are scaled.
 * @param headDim every dim of a head must turn
 * @throws CheckpointError for scalings that no config.json here says
 */
export async function rotaryFields(
  { metadata, tensors }: GgufModel,
  arch: string,
  headDim: number,
): Promise<Readonly<Record<string, unknown>>> {
  const turning = metadata.number(`${arch}.rope.dimension_count`, headDim);
  if (turning !== headDim) {
    throw unsupported(metadata, `${turning} of the ${headDim} dims of a head turn`, 'all', turning);
  }
  const theta = metadata.number(`${arch}.rope.freq_base`, 10_000);
  const scaling = tensors.entries.has(factorsName)
    ? llama3Scaling(metadata, await readFloats(tensors, factorsName), { theta, headDim })
    : namedScaling(metadata, arch);
  return { rope_theta: theta, ...(scaling && { rope_scaling: scaling }) };
}

function namedScaling(metadata: Metadata, arch: string): Readonly<Record<string, unknown>> | undefined {
  const type = metadata.text(`${arch}.rope.scaling.type`, 'none');
  if (type === 'none') return undefined;
  const factor = metadata.number(`${arch}.rope.scaling.factor`);
  if (type === 'linear') return { rope_type: 'linear', factor };
  if (type !== 'yarn') throw unsupported(metadata, `rope.scaling.type is '${type}'`, 'none, linear or yarn', type);
  const original = metadata.optionalNumber(`${arch}.rope.scaling.original_context_length`);
  return { rope_type: 'yarn', factor, ...(original && { original_max_position_embeddings: original }) };
}

/** What Llama 3.1, 3.2 and 3.3 have beside the factor. */
const llama3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/** The parameters from which factors of pairs were made: the slowest pair has the factor itself. */
function llama3Scaling(
  metadata: Metadata,
  factors: Float32Array,
  { theta, headDim }: { readonly theta: number; readonly headDim: number },
): Readonly<Record<string, unknown>> {
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = llama3;
  const factor = factors.at(-1) ?? 1;
  const made = (pair: number) => {
    const waves = (original * theta ** ((-2 * pair) / headDim)) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (waves - low) / (high - low)));
    return 1 / ((1 - kept) / factor + kept);
  };
  const isLlama3 =
    factors.length === headDim / 2 && factors.every((each, pair) => Math.abs(each / made(pair) - 1) < 1e-4);
  if (isLlama3) return { rope_type: 'llama3', factor, ...llama3 };
  throw unsupported(metadata, `${factorsName} is none of Llama 3.1 to 3.3`, 'their factors', factorsName);
}

const unsupported = ({ name }: Metadata, what: string, expected: string, found: unknown) =>
  new CheckpointError(`${name}: ${what}, expected ${expected}. Take the Hugging Face folder of the model.`, {
    found,
    expected,
  });
