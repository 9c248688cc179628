/**
 * An encoder-decoder model as small as can be: one layer of attention each, no MLP, no norm. It shows that the
 * interface of models fits those whose answers stand beside their prompts: the encoder runs once, the answer begins
 * with a start token at position 0, and the prompt costs none of the decoder's positions.
 */
import { z } from 'zod';
import type { Device } from '../../src/backend/backend.js';
import type { Sample, TokenBatch } from '../../src/data/batch.js';
import { configure } from '../../src/models/config.js';
import { defineFamily, openModel } from '../../src/models/family.js';
import { createKVCache, type KVCache } from '../../src/models/kvCache.js';
import type { Decoding, ForwardOptions, LanguageModel } from '../../src/models/model.js';
import { linear, positionTable, specsOf, table } from '../../src/models/parts.js';
import { startPass } from '../../src/models/pass.js';
import { positionIds } from '../../src/models/positions.js';
import { normalGenerator } from '../../src/random.js';
import { add, madeValues, sizeOf, type Tensor, tidy } from '../../src/tensor/index.js';

const [hidden, numHeads, std, start] = [8, 2, 0.5, 0] as const;
/** Tokens of an answer at most; a prompt may have any number. */
export const maxAnswer = 8;

/** Where the encoder's tokens are, and its keys and values once the first step has stored them. */
interface DecodingState {
  readonly own: KVCache;
  readonly cross: KVCache;
  readonly source: TokenBatch;
}

const rowsOf = (rows: readonly (readonly number[] | Int32Array)[], filler: number) => {
  const seq = Math.max(...rows.map(({ length }) => length));
  const ids = rows.flatMap((row) => [...row, ...Array<number>(seq - row.length).fill(filler)]);
  const keyRange = Int32Array.from(rows.flatMap(({ length }) => [0, length]));
  return { batch: rows.length, seq, ids: Int32Array.from(ids), keyRange };
};

const family = defineFamily({
  schema: z.object({ vocab_size: z.int().min(1) }),
  example: { model_type: 'fake', vocab_size: 12 },
  positionsField: 'none',
  layersField: 'none',
  tiedTable: 'shared.weight',
  savedFields: {},
  parameterName: (name) => name,
  tree: ({ vocab_size }) => ({
    shared: table(vocab_size, hidden, { std }),
    positions: positionTable(maxAnswer, hidden, { std }),
    encoder: { qkv: linear(hidden, 3 * hidden, { std }), o: linear(hidden, hidden, { std }) },
    decoder: { qkv: linear(hidden, 3 * hidden, { std }), o: linear(hidden, hidden, { std }) },
    cross: {
      ...{ q: linear(hidden, hidden, { std, bias: false }), k: linear(hidden, hidden, { std, bias: false }) },
      ...{ v: linear(hidden, hidden, { std, bias: false }), o: linear(hidden, hidden, { std, bias: false }) },
    },
  }),
  build({ vocab_size: vocabSize }, { shared, positions, encoder, decoder, cross }, base): LanguageModel {
    const { device } = base;
    const cacheOf = (batch: number, capacity: number) =>
      createKVCache(device, { batch, capacity, numLayers: 1, numKvHeads: numHeads, headDim: hidden / numHeads });

    const forward = (batch: TokenBatch, options: ForwardOptions = {}, state?: DecodingState): Tensor => {
      const { source = batch } = state ?? batch;
      const trained = [...base.parameters.values()].some(({ requiresGrad }) => requiresGrad);
      const reading = startPass(source, { ...options, device, trained });
      const past = state?.own.past ?? 0;
      const encode = () => {
        const tokens = reading.begin(() => shared.lookUp(source.ids, reading.shape));
        return reading.layer(tokens, 0, (x, { attend }) =>
          add(x, encoder.o.apply(attend({ qkv: encoder.qkv.apply(x) }, { numHeads, causal: false }))),
        );
      };
      // Later steps find the encoder's keys and values in their cache.
      const read = past === 0 ? encode() : undefined;
      const pass = startPass(batch, { ...options, device, trained, cache: state?.own });
      const places = positionIds('fake', batch, past, maxAnswer);
      const embedded = pass.begin(() =>
        add(shared.lookUp(batch.ids, pass.shape), positions.lookUp(places, pass.shape)),
      );
      const y = pass.layer(embedded, 0, (x, { attend }) => {
        const attended = add(x, decoder.o.apply(attend({ qkv: decoder.qkv.apply(x) }, { numHeads })));
        const q = cross.q.apply(attended);
        const projections = read ? { q, k: cross.k.apply(read), v: cross.v.apply(read) } : { q };
        const across = { numHeads, causal: false, keyRange: reading.keyRange, past: 0 };
        return add(attended, cross.o.apply(attend(projections, { ...across, cache: state?.cross.layers[0] })));
      });
      if (state) state.own.past += batch.seq;
      return y;
    };

    return {
      ...base,
      ...{
        vocabSize,
        hiddenSize: hidden,
        numLayers: 2,
        numEncoderLayers: 1,
        maxPositions: maxAnswer,
        startTokenId: start,
        head: shared.weight,
      },
      forward: (batch, options) => forward(batch, options),
      collate(samples: readonly Sample[]) {
        const answers = samples.map(({ ids, promptLength }) => [...ids.subarray(promptLength)]);
        const source = rowsOf(
          samples.map(({ ids, promptLength }) => ids.subarray(0, promptLength)),
          0,
        );
        const inputs = rowsOf(
          answers.map((answer) => [start, ...answer.slice(0, -1)]),
          0,
        );
        return { ...inputs, source, labels: rowsOf(answers, -100).ids };
      },
      room: () => maxAnswer,
      startDecoding(prompts, newTokens): Decoding {
        const source = rowsOf(prompts, 0);
        let state = { source, own: cacheOf(prompts.length, newTokens), cross: cacheOf(prompts.length, source.seq) };
        const dispose = () => [state.own, state.cross].map((cache) => cache.dispose());
        return {
          next: (newest) =>
            tidy(() => {
              const { batch } = state.source;
              const keyRange = Int32Array.from({ length: 2 * batch }, (_, i) => (i % 2) * (state.own.past + 1));
              const ids = newest ?? new Int32Array(batch).fill(start);
              return forward({ batch, seq: 1, ids, keyRange }, {}, state).alias([batch, hidden]);
            }),
          keep(kept) {
            const ranges = Int32Array.from(
              kept.flatMap((row) => [...state.source.keyRange.subarray(2 * row, 2 * row + 2)]),
            );
            const next = {
              source: { ...state.source, batch: kept.length, keyRange: ranges },
              ...{ own: state.own.select(kept), cross: state.cross.select(kept) },
            };
            dispose();
            state = next;
          },
          dispose,
        };
      },
    };
  },
});

/** One with random weights. */
export function fakeEncoderDecoder(
  device: Device,
  { seed = 1, vocabSize = 12, trainable = false } = {},
): Promise<LanguageModel> {
  const configured = configure(family, { model_type: 'fake', vocab_size: vocabSize }, 'test');
  const specs = specsOf(family.tree(configured.config));
  const normal = normalGenerator(seed);
  const values = (name: string) =>
    madeValues(() => Float32Array.from({ length: sizeOf(specs.get(name)!.shape) }, () => std * normal()));
  return openModel(configured, { device, source: { where: 'test', values }, format: 'f32', trainable });
}
