import { loadTokenizer, memoryStore } from 'distillm';
import type { Setting } from '../frame/benchmark.ts';
import { summary } from '../frame/measure.ts';
import { casesOf } from './types.ts';

/** A new tokenizer has a cold word cache: its first call is what a user waits for. The first round warms V8 up. */
async function timesOf(tokenizerJson: string, text: string) {
  const megabytes = new TextEncoder().encode(text).length / 1e6;
  const files = memoryStore({ 'tokenizer.json': tokenizerJson });
  const first: number[] = [];
  const again: number[] = [];
  let tokens = 0;
  for (let i = 0; i < 8; i++) {
    const tokenizer = await loadTokenizer(files);
    for (const values of [first, again]) {
      const before = performance.now();
      tokens = tokenizer.encode(text, { addSpecialTokens: false }).length;
      values.push((megabytes * 1000) / (performance.now() - before));
    }
    tokenizer.dispose();
  }
  return { first: first.slice(1), again: again.slice(1), note: `${tokens} tokens` };
}

export async function* tokenizer({ assets }: Setting) {
  const { first, again, note } = await timesOf(await assets.tokenizerJson('gpt2'), await assets.english());
  yield summary({ case: 'first call', unit: 'MB/s', values: first, note });
  yield summary({ case: 'same text again', unit: 'MB/s', values: again });
}

/** First calls of each type of tokenizer, on each text. */
export async function* tokenizerTypes({ assets }: Setting) {
  for await (const [name, json, text] of casesOf(assets)) {
    const { first, note } = await timesOf(json, text);
    yield summary({ case: name, unit: 'MB/s', values: first, note });
  }
}
