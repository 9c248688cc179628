import { summary } from '../frame/measure.ts';
import type { PeerSetting } from '../frame/peer.ts';
import { casesOf } from './types.ts';

type Encode = (text: string) => { length: number };

/** `make` makes a tokenizer whose caches are cold. */
async function* timeEncoding(make: () => Encode, { assets }: PeerSetting) {
  const text = await assets.english();
  const megabytes = new TextEncoder().encode(text).length / 1e6;
  const first: number[] = [];
  const again: number[] = [];
  let tokens = 0;
  for (let i = 0; i < 5; i++) {
    const encode = make();
    for (const values of [first, again]) {
      const before = performance.now();
      tokens = encode(text).length;
      values.push((megabytes * 1000) / (performance.now() - before));
    }
  }
  yield summary({ case: 'first call', unit: 'MB/s', values: first.slice(1), note: `${tokens} tokens` });
  yield summary({ case: 'same text again', unit: 'MB/s', values: again.slice(1) });
}

export async function* gptTokenizer(setting: PeerSetting) {
  const { encode, clearMergeCache } = await import('gpt-tokenizer/encoding/r50k_base');
  const make = () => {
    clearMergeCache();
    return encode;
  };
  yield* timeEncoding(make, setting);
}

export async function* tiktoken(setting: PeerSetting) {
  const { get_encoding } = await import('tiktoken');
  const make = () => {
    const encoding = get_encoding('gpt2');
    return (text: string) => encoding.encode(text);
  };
  yield* timeEncoding(make, setting);
}

const huggingFace = async (tokenizerJson: string) => {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const json: unknown = JSON.parse(tokenizerJson);
  return () => {
    const tokenizer = new Tokenizer(json, {});
    return (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  };
};

export async function* huggingFaceTokenizers(setting: PeerSetting) {
  yield* timeEncoding(await huggingFace(await setting.assets.tokenizerJson('gpt2')), setting);
}

/** No more calls of a case are begun after this. Some take a minute, and a variant has ten in all. */
const secondsOfCase = 15;

/** A text's tokens: its lines' where the whole is more than the peer's stack holds. */
function countTokens(encode: Encode, text: string): { readonly tokens: number; readonly how: string } {
  try {
    return { tokens: encode(text).length, how: '' };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const tokens = text.split(/(?<=\n)/u).reduce((sum, line) => sum + encode(line).length, 0);
    return { tokens, how: ', line by line: the whole overflows its stack' };
  }
}

/**
 * First calls of each type of tokenizer, on each text: three where they fit into the time, of which the first warms V8 up.
 * Where there is time for one alone, that one counts.
 */
export async function* huggingFaceTypes({ assets }: PeerSetting) {
  for await (const [name, json, text] of casesOf(assets)) {
    const make = await huggingFace(json);
    const megabytes = new TextEncoder().encode(text).length / 1e6;
    const values: number[] = [];
    let counted = { tokens: 0, how: '' };
    const start = performance.now();
    for (let i = 0; i < 3 && performance.now() - start < 1000 * secondsOfCase; i++) {
      const encode = make();
      const before = performance.now();
      counted = countTokens(encode, text);
      values.push((megabytes * 1000) / (performance.now() - before));
    }
    const { tokens, how } = counted;
    const kept = values.length > 1 ? values.slice(1) : values;
    yield summary({ case: name, unit: 'MB/s', values: kept, note: `${tokens} tokens${how}` });
  }
}
