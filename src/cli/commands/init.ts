/** `distillm init`: makes a student from a teacher. */
import { basename, dirname } from 'node:path';
import {
  type Checkpoint,
  type Device,
  type LanguageModel,
  loadModel,
  numParameters,
  OptionError,
  openFolder,
  readJson,
  saveModel,
} from '../../index.js';
import { defineCommand } from '../command.js';
import { deviceOptions, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { counted, layersInWords } from '../format.js';
import { createFromFile, keptFiles, openModelFolder, sourceWords } from '../models.js';
import { countOrZero, counts, optional, required, text, withDefault } from '../options.js';
import { tryNewFolder } from '../outputs.js';

export const init = defineCommand({
  name: 'init',
  summary: 'makes a student from a teacher',
  description:
    "Writes a smaller model: some of the teacher's layers with its embeddings and head, or random weights for another " +
    "config. The teacher's tokenizer and templates come along, so that the two can be distilled.",
  example: [
    'distillm init --from ./gpt2-medium --layers 12 --out ./student',
    'distillm init --from ./gpt2-medium --student-config narrow.json --out ./student',
  ].join('\n'),
  options: {
    Options: {
      from: required('<source>', text, `the teacher: ${sourceWords}`),
      layers: optional(
        '<number|list>',
        counts,
        'how many of its layers, evenly spaced, the first and the last among them; or which ones, from 0, as in 0,4,8,11; of an encoder-decoder so many of either stack',
      ),
      studentConfig: optional(
        '<file>',
        text,
        "instead of --layers: random weights by --seed, sized by the teacher's config.json with the fields of this one in place of its own",
      ),
      seed: withDefault('<number>', countOrZero, 'of random weights', 0),
      out: required('<folder>', text, 'where the student goes'),
    },
    Device: deviceOptions,
  },
  async run(options, terminal) {
    const { from, layers, studentConfig, out } = options;
    if ((layers === undefined) === (studentConfig === undefined)) {
      throw new OptionError(
        "give either --layers, to keep some of the teacher's, or --student-config, for random weights of another size.",
      );
    }
    tryNewFolder('--out', out);
    const teacher = await openModelFolder(from, terminal);
    return withDevice(options, terminal, async (device) => {
      const student = await (studentConfig === undefined
        ? loadModel(teacher, { device, layers: layers?.length === 1 ? layers[0] : layers })
        : newModel(teacher, studentConfig, { device, seed: options.seed }));
      await saveModel(student, out, { files: await keptFiles(teacher) });
      const { numLayers, numEncoderLayers } = student;
      const layered = { numLayers, ...(numEncoderLayers !== undefined && { numEncoderLayers }) };
      const result = { student: out, ...layered, parameters: numParameters(student) };
      terminal.stdout.write(`${JSON.stringify(result)}\n`);
      terminal.stderr.write(`${out}: ${layersInWords(layered)}, ${counted(result.parameters, 'parameter')}.\n`);
      return exitCodes.done;
    });
  },
});

/** What follows from a number of layers where config.json does not say it, by the field that has the number. */
const followers: Readonly<Record<string, readonly string[]>> = {
  num_layers: ['num_decoder_layers'],
  num_hidden_layers: ['layer_types'],
};

/** The teacher's fields but those that follow from another number of layers than its own. */
function withoutFollowers(fields: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>>) {
  const gone = Object.keys(followers).flatMap((field) => (field in own ? (followers[field] as string[]) : []));
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !gone.includes(name)));
}

/** Random weights, sized by the teacher's config with some fields of another. @throws OptionError for another family */
async function newModel(
  teacher: Checkpoint,
  path: string,
  { device, seed }: { readonly device: Device; readonly seed: number },
): Promise<LanguageModel> {
  const { name, fields } = await teacher.config();
  const own = await readJson(openFolder(dirname(path)), basename(path));
  if (own.model_type !== undefined && own.model_type !== fields.model_type) {
    throw new OptionError(
      `${path}: model_type is ${JSON.stringify(own.model_type)}, that of ${name} is ${JSON.stringify(fields.model_type)}. ` +
        'Leave it out; for a student of another family, give the whole config to train --student-config.',
    );
  }
  const model = await createFromFile({ ...withoutFollowers(fields, own), ...own }, path, {
    ...{ device, seed },
    trainable: false,
  });
  model.promptTemplate = await teacher.promptTemplate();
  return model;
}
