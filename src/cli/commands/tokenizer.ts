/** `distillm tokenizer`: trains a tokenizer on data files. */
import { DataError, OptionError, openFolder, readTokenizerTexts, tokenizerTrainer } from '../../index.js';
import { defineCommand } from '../command.js';
import { recordNames, recordOptions, skipping } from '../data.js';
import { exitCodes } from '../exitCodes.js';
import { counted, whole } from '../format.js';
import { tryInputs } from '../inputs.js';
import { choice, count, given, listed, required, text, withDefault } from '../options.js';
import { fillAlone, tryFolder } from '../outputs.js';
import { templates } from '../template.js';

const models = choice(['bpe', 'unigram']);

export const tokenizer = defineCommand({
  name: 'tokenizer',
  summary: 'trains a tokenizer on your data',
  description:
    'Trains a vocabulary of byte-level BPE, or of Unigram, on instruction JSONL (prompts and answers) or on plain text, ' +
    'and writes the files of a Hugging Face tokenizer. Its first token is <|endoftext|>, which ends every answer.',
  example: 'distillm tokenizer --data dolly.jsonl --vocab-size 4096 --out ./tokenizer',
  options: {
    Options: {
      data: required(
        '<file...>',
        listed,
        'instruction JSONL and its kin as train takes them, or any other file as plain text, XML and HTML by a name that ends so; .gz as well',
      ),
      vocabSize: withDefault('<number>', count, 'tokens in all: 256 bytes, special tokens, merges or pieces', 4096),
      model: withDefault('<kind>', models, "bpe (GPT-2's kind) or unigram (T5's)", 'bpe'),
      out: required('<folder>', text, 'where the tokenizer files go'),
      template: withDefault('<name>', templates, 'prompt template: alpaca, compact or t5', 'alpaca'),
      ...recordOptions,
    },
  },
  async run({ data, vocabSize, model, out, template, skipInvalid, ...records }, { stdout, stderr, signal }) {
    await checkFolder(out);
    tryInputs('--data', data);
    const trainer = tokenizerTrainer({ vocabSize, model, specialTokens: { eos: '<|endoftext|>' } });
    let characters = 0;
    for await (const text of readTokenizerTexts(data, {
      template,
      ...recordNames(records),
      skipInvalid: skipping(stderr, skipInvalid),
    })) {
      signal?.throwIfAborted();
      trainer.add(text);
      characters += text.length;
    }
    if (characters === 0) {
      throw new DataError(`${data.join(', ')}: no text to train on, expected instructions or plain text.`);
    }
    const trained = await trainer.train(given({ signal }));
    try {
      await fillAlone(
        out,
        () => checkFolder(out),
        async (folder) => {
          for (const [name, file] of Object.entries(trained.save())) {
            await folder.write(name, [new TextEncoder().encode(file)]);
          }
        },
      );
      let tokens = 0;
      // Read again: the texts may be larger than memory.
      for await (const text of readTokenizerTexts(data, { template, ...recordNames(records), skipInvalid })) {
        signal?.throwIfAborted();
        tokens += trained.encode(text).length;
      }
      const result = { tokenizer: out, vocabSize: trained.vocabSize, charactersPerToken: characters / tokens };
      stdout.write(`${JSON.stringify(result)}\n`);
      const fewer =
        trained.vocabSize < vocabSize
          ? `; the text gives no more ${model === 'bpe' ? 'merges' : 'pieces'}, for --vocab-size ${whole(vocabSize)}`
          : '';
      const each = result.charactersPerToken.toFixed(2);
      stderr.write(`${counted(trained.vocabSize, 'token')}, ${each} characters each${fewer}.\n`);
      return exitCodes.done;
    } finally {
      trained.dispose();
    }
  },
});

/** Files of a tokenizer. With another one's in their place a model would read every id wrongly. */
const tokenizerFiles = [
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
];

/** Before the data is read. @throws OptionError for a folder that cannot be written, or has a tokenizer */
async function checkFolder(out: string): Promise<void> {
  tryFolder('--out', out);
  const store = openFolder(out);
  for (const name of tokenizerFiles) {
    if (!(await store.exists(name))) continue;
    throw new OptionError(
      `--out ${out} holds ${name} already: a model that was trained with it would no longer understand its ids. ` +
        'Take another folder.',
    );
  }
}
