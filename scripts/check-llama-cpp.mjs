// Holds a model to llama.cpp: greedy answers to ten prompts, token for token; not part of the tests.
//
//   npm run bench -- decode-smollm2   # installs the peers, node-llama-cpp among them
//   npm run build && node scripts/check-llama-cpp.mjs MODEL.gguf [f32 | f16 | int8 | int4] [tokens]
//
// Prompts are put into the chat template of SmolLM2. Where two answers part, both sides say by how much each prefers its own
// token: logits differ by rounding alone (llama.cpp rounds what it multiplies with quantized weights to 8 bits, and keys and
// values to f16), so that a small gap is a near-tie and a large one a fault.
import { generate, loadModel, loadTokenizer, openDevice } from 'distillm';
import { headLogits, tidy } from 'distillm/tensor';
import { getLlama } from '../bench/node_modules/node-llama-cpp/dist/index.js';

const [path, dtype = 'f32', tokens = '64'] = process.argv.slice(2);
if (!path) {
  console.error('usage: node scripts/check-llama-cpp.mjs MODEL.gguf [f32 | f16 | int8 | int4] [tokens]');
  process.exit(2);
}
const newTokens = Number(tokens);
const prompts = [
  'What is the capital of France?',
  'Name three colours.',
  'Write a sentence about a cat.',
  'Explain why the sky is blue.',
  'Translate "good morning" into French.',
  'What is 2 + 3?',
  'Give me a recipe for pancakes.',
  'Who wrote Romeo and Juliet?',
  'List the days of the week.',
  'Summarize: The meeting was moved from Monday to Friday because Anna is ill.',
];
const chat = (prompt) =>
  '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' +
  `<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`;

const device = await openDevice({ kind: 'wasm', wasm: { revectorize: true } });
const tokenizer = await loadTokenizer(path);
const started = performance.now();
const model = await loadModel(path, { device, dtype });
console.log(`${path} as ${dtype}: loaded in ${((performance.now() - started) / 1000).toFixed(2)} s`);
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
const reference = await llama.loadModel({ modelPath: path });
// One thread: those of llama.cpp wait for one another by spinning, which on a busy machine takes ten times as long.
const context = await reference.createContext({ contextSize: 1024, threads: 1 });
const sequence = context.getSequence();

/** Our logits of the token after `ids`. */
async function logitsAfter(ids) {
  const batch = { batch: 1, seq: ids.length, ids: Int32Array.from(ids), keyRange: Int32Array.of(0, ids.length) };
  const logits = tidy(() => headLogits(model.forward(batch), model.head));
  const values = await logits.read();
  logits.dispose();
  return values.subarray((ids.length - 1) * model.vocabSize);
}

async function theirAnswer(ids) {
  await sequence.clearHistory();
  const answer = [];
  for await (const token of sequence.evaluate([...ids], { temperature: 0 })) {
    if (answer.push(token) === newTokens) break;
  }
  return answer;
}

/** By how much their logits of two tokens after `ids` differ. */
async function theirGap(ids, one, other) {
  await sequence.clearHistory();
  const asked = sequence.evaluateWithMetadata(
    [...ids],
    { probabilities: true },
    { temperature: 1, yieldEogToken: true },
  );
  const { probabilities } = (await asked.next()).value;
  await asked.return();
  return Math.log(probabilities.get(one) / probabilities.get(other));
}

let [same, all] = [0, 0];
for (const prompt of prompts) {
  const ids = tokenizer.encode(chat(prompt));
  const theirIds = reference.tokenize(chat(prompt), true);
  if (ids.join() !== theirIds.join()) console.log(`  ids differ: ${ids} and ${theirIds}`);
  const { eosTokenId } = tokenizer;
  const how = { maxNewTokens: newTokens, temperature: 0, eosTokenId };
  const [answered] = await generate(model, [Int32Array.from(ids)], how);
  const ownAnswer = [...answered].filter((id) => id !== eosTokenId);
  const answer = await theirAnswer(ids);
  const length = Math.max(ownAnswer.length, answer.length);
  let at = 0;
  while (at < length && ownAnswer[at] === answer[at]) at++;
  same += at;
  all += length;
  console.log(`${at} of ${length}: ${prompt} -> ${JSON.stringify(tokenizer.decode(ownAnswer))}`);
  if (at === length) continue;
  const [own, other] = [ownAnswer, answer].map((each) => each[at] ?? eosTokenId);
  const before = [...ids, ...ownAnswer.slice(0, at)];
  const logits = await logitsAfter(before);
  const words = [own, other].map((id) => JSON.stringify(tokenizer.decode([id], { skipSpecialTokens: false })));
  const [ours, theirs] = [logits[own] - logits[other], await theirGap(before, other, own)];
  console.log(
    `  they part at ${words[0]} and ${words[1]}: our logits are ${ours.toFixed(4)} apart, llama.cpp's ${theirs.toFixed(4)}`,
  );
}
console.log(`${same} of ${all} tokens alike before the answers part`);
process.exit(0);
