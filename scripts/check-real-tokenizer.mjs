// Holds the tokenizer to answer keys made from the real GPT-2 and OPT files; not part of the tests.
//
//   npm run build && node scripts/check-real-tokenizer.mjs DATA_DIR
//
// DATA_DIR holds tokenizers/{gpt2,opt}/, tokenizers/expected.json, tokenizers/gguf/ggml-vocab-gpt-2.gguf.{inp,out}
// and dolly/{train.jsonl.gz,train_0.gpt2.bin,train_0.gpt2.idx}. Exits with 1 when an id differs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadTokenizer, memoryStore } from 'distillm';

const [data] = process.argv.slice(2);
if (!data) {
  console.error('usage: node scripts/check-real-tokenizer.mjs DATA_DIR');
  process.exit(2);
}
const text = (path) => readFile(join(data, path), 'utf8');

async function open(folder, names) {
  const files = memoryStore();
  for (const name of names) await files.write(name, [await readFile(join(data, folder, name))]);
  const start = performance.now();
  const tokenizer = await loadTokenizer(files);
  console.log(`${folder} (${names[0]}): loaded in ${(performance.now() - start).toFixed(0)} ms`);
  return tokenizer;
}

let failed = false;

/** Cases of { text, ids }: encoded ids must be the same, and decode to the text. */
function check(name, tokenizer, cases) {
  let same = 0;
  let roundTrips = 0;
  let different;
  for (const { text, ids } of cases) {
    const got = tokenizer.encode(text, { addSpecialTokens: false });
    if (got.length === ids.length && got.every((id, i) => id === ids[i])) same++;
    else different ??= `  ${JSON.stringify(text)}\n  got ${got}\n  want ${ids}`;
    if (tokenizer.decode(got) === text) roundTrips++;
  }
  if (different) console.log(different);
  failed ||= same < cases.length || roundTrips < cases.length;
  console.log(`${name}: ${same} of ${cases.length} the same ids, ${roundTrips} decode to the text`);
}

/** Documents of a token store: prompt, 65535, response, EOS. */
async function readStore(path) {
  const [idx, bin] = await Promise.all([readFile(join(data, `${path}.idx`)), readFile(join(data, `${path}.bin`))]);
  const count = Number(idx.readBigUInt64LE(18));
  const header = 34;
  return Array.from({ length: count }, (_, i) => {
    const size = idx.readInt32LE(header + 4 * i);
    const offset = Number(idx.readBigInt64LE(header + 4 * count + 8 * i));
    return Array.from({ length: size }, (_, j) => bin.readUInt16LE(offset + 2 * j));
  });
}

const template = ({ instruction, input }) =>
  input
    ? 'Below is an instruction that describes a task, paired with an input that provides further context. ' +
      'Write a response that appropriately completes the request.\n\n' +
      `### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n`
    : 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n' +
      `### Instruction:\n${instruction}\n\n### Response:\n`;

const gpt2 = await open('tokenizers/gpt2', ['tokenizer.json', 'config.json']);
const gpt2Merges = await open('tokenizers/gpt2', ['vocab.json', 'merges.txt']);
const opt = await open('tokenizers/opt', ['vocab.json', 'merges.txt', 'tokenizer_config.json']);

const expected = JSON.parse(await text('tokenizers/expected.json'));
const cases = (key) => expected.texts.map((text, i) => ({ text, ids: expected[key][i] }));
check('expected.json gpt2, tokenizer.json', gpt2, cases('gpt2'));
check('expected.json gpt2, vocab.json and merges.txt', gpt2Merges, cases('gpt2'));
check('expected.json opt_no_bos', opt, cases('opt_no_bos'));

const texts = (await text('tokenizers/gguf/ggml-vocab-gpt-2.gguf.inp')).split('\n__ggml_vocab_test__\n');
const answers = (await text('tokenizers/gguf/ggml-vocab-gpt-2.gguf.out')).split('\n');
const answer = (line) => line.split(' ').filter(Boolean).map(Number);
check(
  'ggml-vocab-gpt-2',
  gpt2,
  texts.map((text, i) => ({ text, ids: answer(answers[i]) })),
);

const records = gunzipSync(await readFile(join(data, 'dolly/train.jsonl.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const documents = await readStore('dolly/train_0.gpt2');
const parts = documents.map((ids, i) => {
  const split = ids.indexOf(65535);
  const prompt = ids.slice(0, split);
  const response = ids.slice(split + 1, ids.at(-1) === 50256 ? -1 : undefined);
  return { prompt, response, record: records[i], text: template(records[i]), end: ids.at(-1) === 50256 };
});
console.log(`dolly: ${documents.length} documents, ${parts.filter(({ end }) => end).length} end with EOS`);
check(
  'dolly prompts',
  gpt2,
  parts.map(({ prompt, text }) => ({ text, ids: prompt })),
);
check(
  'dolly prompt and response as one string',
  gpt2,
  parts.map(({ prompt, response, text, record }) => ({
    text: text + record.output,
    ids: [...prompt, ...response],
  })),
);
process.exit(failed ? 1 : 0);
