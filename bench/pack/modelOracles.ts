/**
 * The tests' oracles of whole models: a folder holds a tiny model, and in oracle.json token ids and the logits that Hugging
 * Face transformers has for them. Decoders and encoder-decoders are read by the same code, for part (b) and for its test.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Device, type LanguageModel, loadModel } from 'distillm';
import { headLogits, tidy } from 'distillm/tensor';

/** What a model's pass takes. */
type Tokens = Parameters<LanguageModel['forward']>[0];

/** What oracle.json holds of a decoder: right-padded batches, and the logits of all positions of the first one. */
interface DecoderOracle {
  readonly batches: readonly {
    readonly batch: number;
    readonly seq: number;
    readonly lengths: readonly number[];
    readonly ids: readonly number[];
  }[];
  readonly logits: readonly number[];
}
/** What it holds of an encoder-decoder: prompts with their answers, and the logits of the answers' tokens alone. */
interface EncoderDecoderOracle {
  readonly batch: Readonly<Record<'prompts' | 'labels', readonly (readonly number[])[]>>;
  readonly logits: readonly number[];
}

/** In the archive beside this script's folder, in the repository among the tests. */
export const oracles = [new URL('../oracles/', import.meta.url), new URL('../../test/oracles/', import.meta.url)]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path)) as string;

export const readOracle = <T>(name: string): T => JSON.parse(readFileSync(oracles + name, 'utf8')) as T;

/** Folders of the oracles with a model and its logits: "gpt2", "t5/flan". */
export function modelOracles(): string[] {
  const suffix = '/model/config.json';
  const paths = readdirSync(oracles, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(suffix));
  return paths.map((path) => path.slice(0, -suffix.length)).sort();
}

/**
 * The largest distance of a model's logits on the device from those of transformers, over all tokens of `sequences`
 * sequences. NaN when a logit is.
 * @throws Error when oracle.json is of neither kind, or has logits of another number than the model gives
 */
export async function compareLogits(
  device: Device,
  folder: string,
): Promise<{ readonly distance: number; readonly sequences: number }> {
  const oracle = readOracle<DecoderOracle | EncoderDecoderOracle>(`${folder}/oracle.json`);
  using model = await loadModel(`${oracles}${folder}/model`, { device, trainable: false });
  const { tokens, rows } = 'batches' in oracle ? ofDecoder(oracle) : ofEncoderDecoder(folder, oracle, model);
  const found = tidy(() => headLogits(model.forward(tokens), model.head));
  const got = (await found.read()) as Float32Array;
  found.dispose();
  const { vocabSize } = model;
  // Of a decoder the padding's logits are there as well.
  const held = 'batches' in oracle ? tokens.batch * tokens.seq : rows.length;
  if (oracle.logits.length !== held * vocabSize)
    throw new Error(`${folder}/oracle.json has ${oracle.logits.length} logits, expected ${held} x ${vocabSize}`);
  let distance = 0;
  for (const { at, kept } of rows) {
    for (let i = 0; i < vocabSize; i++) {
      const [logit, want] = [got[at * vocabSize + i] as number, oracle.logits[kept * vocabSize + i] as number];
      distance = Math.max(distance, Math.abs(logit - want));
    }
  }
  return { distance, sequences: tokens.batch };
}

/** A batch, and for each of its tokens where its row is among the model's logits and among the oracle's. */
interface Compared {
  readonly tokens: Tokens;
  readonly rows: readonly { readonly at: number; readonly kept: number }[];
}

function ofDecoder({ batches }: DecoderOracle): Compared {
  const [{ batch, seq, lengths, ids }] = batches as [DecoderOracle['batches'][number]];
  const keyRange = Int32Array.from(lengths.flatMap((length) => [0, length]));
  const rows = lengths.flatMap((length, row) => Array.from({ length }, (_, t) => row * seq + t));
  return { tokens: { batch, seq, ids: Int32Array.from(ids), keyRange }, rows: rows.map((at) => ({ at, kept: at })) };
}

function ofEncoderDecoder(folder: string, { batch }: EncoderDecoderOracle, model: LanguageModel): Compared {
  if (!batch?.prompts || !batch.labels)
    throw new Error(`${folder}/oracle.json has neither the batches of a decoder nor the prompts of an encoder-decoder`);
  const tokens = model.collate(
    batch.prompts.map((prompt, row) => ({
      ids: Int32Array.from([...prompt, ...(batch.labels[row] as readonly number[])]),
      promptLength: prompt.length,
    })),
  );
  const labelled = [...tokens.labels.keys()].filter((row) => (tokens.labels[row] as number) >= 0);
  return { tokens, rows: labelled.map((at, kept) => ({ at, kept })) };
}
