import { loadTokenizer, memoryStore } from 'distillm';
import type { Setting } from '../frame/benchmark.ts';
import { summary } from '../frame/measure.ts';

export async function* tokenizer({ assets }: Setting) {
  const text = await assets.english();
  const megabytes = new TextEncoder().encode(text).length / 1e6;
  const files = memoryStore({ 'tokenizer.json': await assets.tokenizerJson() });
  const first: number[] = [];
  const again: number[] = [];
  let tokens = 0;
  // A new tokenizer has a cold word cache: its first call is what a user waits for. The first round warms V8 up.
  for (let i = 0; i < 8; i++) {
    const tokenizer = await loadTokenizer(files);
    for (const values of [first, again]) {
      const before = performance.now();
      tokens = tokenizer.encode(text).length;
      values.push((megabytes * 1000) / (performance.now() - before));
    }
    tokenizer.dispose();
  }
  yield summary({ case: 'first call', unit: 'MB/s', values: first.slice(1), note: `${tokens} tokens` });
  yield summary({ case: 'same text again', unit: 'MB/s', values: again.slice(1) });
}
