/** SmolLM2's shapes decoded by llama.cpp, through node-llama-cpp: native, on the processor alone. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getLlama, type LlamaContextSequence } from 'node-llama-cpp';
import type { PeerSetting } from '../frame/peer.ts';
import { type Decode, timeDecoding } from './cases.ts';
import { ggufModel } from './ggufModel.ts';
import { type SmolLM2Case, smolLM2Cases, storedBits } from './smolLM2.ts';

export async function* decodeLlamaCpp({ threads, size }: PeerSetting) {
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
  const folder = await mkdtemp(join(tmpdir(), 'distillm-gguf-'));
  try {
    for (const one of smolLM2Cases[size]) {
      const path = join(folder, `${one.bits}.gguf`);
      await writeModel(path, one);
      const model = await llama.loadModel({ modelPath: path });
      for (const batch of one.batches) {
        const context = await model.createContext({ sequences: batch, contextSize: 128 * batch, threads });
        const sequences = Array.from({ length: batch }, () => context.getSequence());
        yield* timeDecoding({ ...one, batches: [batch], vocab: one.model.vocab_size }, decoder(sequences));
        await context.dispose();
      }
      await model.dispose();
      await rm(path);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeModel(path: string, { model, bits }: SmolLM2Case): Promise<void> {
  const file = await open(path, 'w');
  for (const piece of ggufModel(model, storedBits[bits].gguf)) await file.writeFile(piece);
  await file.close();
}

/** The package evaluates sequences that are asked at the same time in one batch. */
const decoder =
  (sequences: readonly LlamaContextSequence[]): Decode =>
  ({ prompts, newTokens, temperature }) =>
    Promise.all(
      prompts.map(async (prompt, row) => {
        const sequence = sequences[row] as LlamaContextSequence;
        await sequence.clearHistory();
        const answer: number[] = [];
        for await (const token of sequence.evaluate([...prompt], { temperature, yieldEogToken: true })) {
          if (answer.push(token) === newTokens) break;
        }
        return answer;
      }),
    );
