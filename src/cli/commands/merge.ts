/** `distillm merge`: makes a whole model of an adapter and its base. */
import { loadModel, numParameters, OptionError, saveModel } from '../../index.js';
import { defineCommand } from '../command.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { counted } from '../format.js';
import { keptFiles, openModelFolder, sourceWords } from '../models.js';
import { choice, given, optional, required, text } from '../options.js';
import { fillAlone, tryNewFolder } from '../outputs.js';

export const merge = defineCommand({
  name: 'merge',
  summary: 'makes a whole model of an adapter and its base',
  description:
    'Adds a LoRA adapter, of train --lora or of PEFT, to the weights that it was trained beside, and writes the whole model as a ' +
    'Hugging Face folder, with tokenizer and templates. Other commands do so while they load an adapter; this is for programs ' +
    'that know no adapters.',
  example: [
    'distillm merge --adapter ./runs/lora/best --out ./merged',
    'distillm merge --adapter ./runs/lora/best --base hf:openai-community/gpt2 --out ./merged',
  ].join('\n'),
  options: {
    Options: {
      adapter: required(
        '<source>',
        text,
        'the folder of an adapter: adapter_config.json and adapter_model.safetensors',
      ),
      base: optional(
        '<source>',
        text,
        `the model that it was trained on, ${sourceWords} (default: the one that it names)`,
      ),
      dtype: optional('<dtype>', choice(['f32', 'f16']), 'how the file holds the weights (default: f32)'),
      out: required('<folder>', text, 'where the model goes'),
    },
    Device: deviceOptions,
  },
  rules: deviceRules,
  async run({ adapter, base, dtype, out, ...options }, terminal) {
    const tryOut = () => tryNewFolder('--out', out);
    await tryOut();
    const checkpoint = await openModelFolder('--adapter', adapter, terminal, base);
    if (!(await checkpoint.adapter())) {
      throw new OptionError(`--adapter ${adapter} holds no adapter_config.json. Give the folder of an adapter.`);
    }
    return withDevice(options, terminal, async (device) => {
      const model = await loadModel(checkpoint, { device });
      const files = await keptFiles(checkpoint, await checkpoint.companionFiles());
      await fillAlone(out, tryOut, (folder) => saveModel(model, folder, { files, ...given({ dtype }) }));
      const result = { model: out, parameters: numParameters(model) };
      terminal.stdout.write(`${JSON.stringify(result)}\n`);
      terminal.stderr.write(`${out}: ${counted(result.parameters, 'parameter')}.\n`);
      return exitCodes.done;
    });
  },
});
