/** `distillm init`: makes a student from a teacher. */
import { basename, dirname } from 'node:path';
import {
  type Checkpoint,
  checkTokenizer,
  type Device,
  type LanguageModel,
  loadModel,
  loadTokenizer,
  numParameters,
  OptionError,
  openFolder,
  readJson,
  saveModel,
} from '../../index.js';
import { defineCommand } from '../command.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { counted, layersInWords } from '../format.js';
import { createFromFile, hasTokenizer, keptFiles, openModelFolder, sourceWords } from '../models.js';
import { countOrZero, counts, optional, required, text, withDefault } from '../options.js';
import { fillAlone, tryNewFolder } from '../outputs.js';
import { exclusive } from '../rules.js';

export const init = defineCommand({
  name: 'init',
  summary: 'makes a student from a teacher',
  description:
    "Writes a smaller model: some of the teacher's layers with its embeddings and head, or random weights for another " +
    "config. The teacher's tokenizer, templates, generation settings and licence come along, so that the two can be distilled; " +
    'its model card and what else tells of the teacher do not.',
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
  rules: [
    exclusive('layers', 'studentConfig', 'each is the size of the student'),
    ({ layers, studentConfig }) =>
      layers === undefined && studentConfig === undefined
        ? "init needs the size of the student: --layers, to keep some of the teacher's, or --student-config, for random " +
          'weights of another size.'
        : undefined,
    ({ seed, layers }) =>
      seed === undefined || layers === undefined
        ? undefined
        : '--seed draws random weights, and --layers takes those of the teacher. Leave --seed out.',
    ...deviceRules,
  ],
  async run(options, terminal) {
    const { from, layers, studentConfig, out } = options;
    const tryOut = () => tryNewFolder('--out', out);
    await tryOut();
    const teacher = await openModelFolder('--from', from, terminal);
    return withDevice(options, terminal, async (device) => {
      const student = await (studentConfig === undefined
        ? loadModel(teacher, { device, layers: layers?.length === 1 ? layers[0] : layers })
        : newModel(teacher, studentConfig, { device, seed: options.seed }));
      const files = await keptFiles(teacher, await teacher.inheritedFiles());
      await fillAlone(out, tryOut, (folder) => saveModel(student, folder, { files }));
      const { numLayers, numEncoderLayers } = student;
      const layered = { numLayers, ...(numEncoderLayers !== undefined && { numEncoderLayers }) };
      const result = { student: out, ...layered, parameters: numParameters(student) };
      terminal.stdout.write(`${JSON.stringify(result)}\n`);
      terminal.stderr.write(`${out}: ${layersInWords(layered)}, ${counted(result.parameters, 'parameter')}.\n`);
      return exitCodes.done;
    });
  },
});

type ConfigFields = Readonly<Record<string, unknown>>;

/** A field that follows from others where config.json leaves it out. Most files have it all the same. */
interface Follower {
  readonly from: readonly string[];
  /** What it is then. Where the teacher has another value, that is a choice, which stays. */
  readonly usual?: (config: ConfigFields) => unknown;
}

/** Without `usual`, the teacher's value is that of its own layers. */
const followers: Readonly<Record<string, Follower>> = {
  num_decoder_layers: { from: ['num_layers'] },
  layer_types: { from: ['num_hidden_layers'] },
  num_key_value_heads: { from: ['num_attention_heads'], usual: (config) => config.num_attention_heads },
  head_dim: {
    from: ['hidden_size', 'num_attention_heads'],
    usual: (config) => Number(config.hidden_size) / Number(config.num_attention_heads),
  },
  word_embed_proj_dim: { from: ['hidden_size'], usual: (config) => config.hidden_size },
  n_inner: { from: ['n_embd'], usual: (config) => 4 * Number(config.n_embd) },
};

/** The teacher's fields with the student's own in their place, and what follows from these. */
function studentFields(teacher: ConfigFields, own: ConfigFields): ConfigFields {
  const fields: Record<string, unknown> = { ...teacher, ...own };
  for (const [name, { from, usual }] of Object.entries(followers)) {
    const follows = teacher[name] !== undefined && !(name in own) && from.some((field) => field in own);
    if (!follows) continue;
    if (!usual) delete fields[name];
    else if (teacher[name] === usual(teacher)) fields[name] = usual(fields);
  }
  return fields;
}

/**
 * Random weights, sized by the teacher's config with some fields of another.
 * @throws OptionError for another family; CompatibilityError for a vocabulary that the teacher's tokenizer does not fit
 */
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
  const sized = studentFields(fields, own);
  const originOf = (field: string) => {
    if (field in own || !(field in fields)) return undefined;
    const followed = followers[field]?.from.join(' and ');
    return followed !== undefined && sized[field] !== fields[field]
      ? `which follows from ${followed}`
      : "the teacher's own";
  };
  const model = await createFromFile(sized, path, { ...{ device, seed }, trainable: false }, originOf);
  if (await hasTokenizer(teacher)) {
    using tokenizer = await loadTokenizer(teacher);
    checkTokenizer(tokenizer, model, { called: `the new model of ${path}` });
  }
  model.promptTemplate = await teacher.promptTemplate();
  return model;
}
