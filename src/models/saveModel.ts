/** Models to Hugging Face folders. */
import * as z from 'zod';
import { adapterConfig, adapterWeights } from '../checkpoints/index.js';
import { savedTemplateFiles } from '../data/savedTemplate.js';
import { OptionError, TrainingError } from '../errors.js';
import { checkHalves, f16ToF32, f32ToF16 } from '../halfFloats.js';
import { type FileStore, filesOption, folderOption } from '../io/fileStore.js';
import { notFinite } from '../io/finite.js';
import { type TensorToWrite, writeSafetensors } from '../io/writeSafetensors.js';
import { openFolder } from '../platform/openFolder.js';
import { checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { fileDTypeOf, readWeight, type Tensor, type Weight } from '../tensor/index.js';
import { configure } from './config.js';
import { withAdapterMerged } from './lora/merge.js';
import { peftName } from './lora/peftFile.js';
import { type LanguageModel, type LoraAdapter, modelOption } from './model.js';
import { type ParameterSpec, type ParameterSpecs, specsOf } from './parts.js';
import { findFamily } from './registry.js';

/** What is written besides the model, and how. */
export interface SaveOptions {
  /**
   * 'f32' or 'f16', which halves the file and rounds to nearest. By default nothing is rounded: tensors of a model that
   * is held in f16 are stored in F16 where all their values fit it, else in F32, the others in F32.
   */
  readonly dtype?: 'f32' | 'f16';
  /** More files for the folder, tokenizer files for instance. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
  /**
   * Of a model with an adapter: writes the whole model, the adapter merged into its weights, in place of the adapter alone.
   * False by default.
   */
  readonly merge?: boolean;
}

const saveOptions = z.strictObject({
  dtype: ranges.choice(['f32', 'f16']).optional(),
  files: filesOption.default({}),
  merge: ranges.switched.default(false),
} satisfies Fields<SaveOptions>);

/**
 * Saves a model as a Hugging Face folder: config.json, model.safetensors, the model's companion files, the name of its
 * prompt template, and `files`. Of a model with an adapter that is a folder of PEFT, which needs the base to be loaded:
 * adapter_config.json and adapter_model.safetensors in place of the first two. Each file is written aside and renamed.
 * Weights are read from the device one tensor at a time.
 * @example
 * await saveModel(student, './student', { files: { 'tokenizer.json': tokenizerJson } });
 * @throws OptionError when the target cannot be written to, for another dtype, for merge without an adapter, and for a whole model of
 * dtype 'int8' or 'int4': its weights are no longer those of the checkpoint that it came from; CheckpointError when dtype is 'f16' and a weight is beyond its range;
 * TrainingError for a weight that is NaN or infinite
 */
export async function saveModel(
  model: LanguageModel,
  target: string | FileStore,
  options: SaveOptions = {},
): Promise<void> {
  checkOption('saveModel', 'model', model, modelOption);
  checkOption('saveModel', 'target', target, folderOption);
  const { dtype, files, merge } = checkOptions('saveModel', saveOptions, options);
  if (model.device.isMeta) {
    throw new OptionError(
      'saveModel: the model is on a meta device, which holds no weights. Load it on the device itself.',
      {
        option: 'model',
      },
    );
  }
  const { adapter } = model;
  if (merge && !adapter) {
    throw new OptionError('saveModel: merge is true, and the model has no adapter. Leave merge out.', {
      option: 'merge',
    });
  }
  const saved = adapter && !merge ? adapterOf(model, adapter, dtype) : await wholeOf(model, dtype);
  const store = openFolder(target);
  const texts = new Map<string, Uint8Array | string>([
    ...model.companionFiles,
    saved.config,
    ...Object.entries(savedTemplateFiles(model.promptTemplate)),
    ...Object.entries(files),
  ]);
  for (const [path, file] of texts) {
    await store.write(path, [typeof file === 'string' ? new TextEncoder().encode(file) : file]);
  }
  const where = `${store.name}/${saved.weights}`;
  const tensors = saved.tensors.map(({ name, shape, dtype, values }): TensorToWrite => {
    const read = async () => finite(await values(), name, shape);
    return dtype === 'F32'
      ? { name, dtype: 'F32', shape, read }
      : { name, dtype: 'F16', shape, read: async () => halvesOf(await read(), name, where) };
  });
  await writeSafetensors(store, saved.weights, tensors);
}

/** What is written of a model. */
interface SavedModel {
  /** Name and text. */
  readonly config: readonly [string, string];
  /** The name of the file of tensors. */
  readonly weights: string;
  readonly tensors: readonly SavedTensor[];
}
interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'F32' | 'F16';
  values(): Promise<Float32Array>;
}

/** The whole model, with its adapter merged, if it has one. */
async function wholeOf(model: LanguageModel, dtype: 'f32' | 'f16' | undefined): Promise<SavedModel> {
  const family = findFamily(model.family, 'saveModel');
  const specs = specsOf(family.tree(configure(family, model.config, 'saveModel: config').config));
  const dtypes = await dtypesOf(model, specs, dtype);
  const stored = [...dtypes.values()].every((each) => each === 'F16') ? 'float16' : 'float32';
  // transformers 5 calls the field `dtype`, earlier versions `torch_dtype`; each reads the latter.
  const { dtype: _, ...fields } = model.config;
  return {
    config: ['config.json', configJson({ ...fields, torch_dtype: stored })],
    weights: 'model.safetensors',
    tensors: [...specs].map(([name, spec]) => ({
      name,
      shape: spec.shape,
      dtype: dtypes.get(name) as 'F32' | 'F16',
      values: () => readParameter(model, name, spec),
    })),
  };
}

/** The adapter alone. */
const adapterOf = (
  { parameters }: LanguageModel,
  { config, parameters: own }: LoraAdapter,
  dtype: 'f32' | 'f16' = 'f32',
): SavedModel => ({
  config: [adapterConfig, `${JSON.stringify(config, null, 2)}\n`],
  weights: adapterWeights,
  tensors: own.map((name) => {
    const tensor = parameters.get(name) as Tensor;
    return {
      name: peftName(name),
      shape: tensor.shape,
      dtype: dtype === 'f16' ? 'F16' : 'F32',
      values: async () => (await tensor.read()) as Float32Array,
    };
  }),
});

/** Fields of config.json for which transformers 5 takes no integer. */
const floatFields = [
  ...['initializer_factor', 'initializer_range', 'init_std', 'layer_norm_epsilon', 'rms_norm_eps'],
  ...['attn_logit_softcapping', 'final_logit_softcapping'],
];
const integersOfThem = new RegExp(`^( {2}"(?:${floatFields.join('|')})": -?\\d+)(?=,?$)`, 'gm');

/** As JSON.stringify writes 1 for 1.0, these get their fraction back. */
const configJson = (config: object) => `${JSON.stringify(config, null, 2).replace(integersOfThem, '$1.0')}\n`;

/** The values. @throws TrainingError where one is no number: such a model could not be loaded again */
function finite(values: Float32Array, name: string, shape: readonly number[]): Float32Array {
  const spoilt = notFinite(values, { name, shape });
  if (!spoilt) return values;
  throw new TrainingError(`saveModel: ${spoilt.what}. Take the model as it was before.`, { found: spoilt.found });
}

/** Values rounded to f16. @throws CheckpointError for a value beyond its range */
function halvesOf(values: Float32Array, name: string, where: string): Uint16Array {
  const halves = f32ToF16(values);
  checkHalves(halves, values, { where, name, advice: "Save it with dtype 'f32'." });
  return halves;
}

/** The dtype of each tensor in the file: the one that is asked for, else one that loses nothing. @throws OptionError */
async function dtypesOf(
  model: LanguageModel,
  specs: ParameterSpecs,
  asked: 'f32' | 'f16' | undefined,
): Promise<Map<string, 'F32' | 'F16'>> {
  const held = [...model.weights.values()].map(fileDTypeOf);
  if (held.includes(undefined)) {
    const format = [...model.weights.values()].find((weight) => fileDTypeOf(weight) === undefined)?.format;
    throw new OptionError(
      `saveModel: the model is held in ${format}. Load it with dtype 'f32' or 'f16'` +
        `${model.adapter ? ', or save the adapter alone' : ''}.`,
    );
  }
  const dtypes = new Map<string, 'F32' | 'F16'>();
  for (const [name, spec] of specs) {
    const isHalf = asked ? asked === 'f16' : held.includes('f16') && fitsHalves(await readParameter(model, name, spec));
    dtypes.set(name, isHalf ? 'F16' : 'F32');
  }
  return dtypes;
}

/** Whether all values are the same in f16. */
function fitsHalves(values: Float32Array): boolean {
  const halves = f16ToF32(f32ToF16(values));
  return values.every((value, i) => Object.is(value, halves[i]));
}

/** The values of a parameter as its checkpoint has them, with what an adapter adds. */
async function readParameter(model: LanguageModel, name: string, { matrix }: ParameterSpec): Promise<Float32Array> {
  const { parameters, weights } = model;
  if (!matrix) return (await (parameters.get(name) as Tensor).read()) as Float32Array;
  const values = await readWeight(weights.get(name) as Weight, matrix);
  return withAdapterMerged(model, name, { values, layout: matrix });
}
