/** `distillm inspect`: what a model's files hold, and how much memory it takes to answer and to train. */
import { weightFormats } from '../../entries/tensor.js';
import {
  type Checkpoint,
  CheckpointError,
  type CheckpointFacts,
  type Device,
  fineTune,
  type GenerationMemory,
  inspectCheckpoint,
  type LoraFacts,
  loadModel,
  type MemoryEstimate,
  OptionError,
  planGeneration,
} from '../../index.js';
import { escaped } from '../../inWords.js';
import { defineCommand } from '../command.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { bytes, counted, layersInWords, whole } from '../format.js';
import { openSource, sourceWords } from '../models.js';
import { count, flag, withDefault } from '../options.js';
import { wrapped } from '../terminal.js';

/** Memory by what the model is used for. */
interface Plans {
  /** One answer, by how the matrices are held. */
  readonly generating: Readonly<Partial<Record<(typeof weightFormats)[number], GenerationMemory>>>;
  /** All weights trained, or the adapter where there is one, without a teacher. Absent where the adapter cannot be. */
  readonly training?: MemoryEstimate;
}

export const inspect = defineCommand({
  name: 'inspect',
  summary: "shows what a model's files hold, and what memory it takes",
  description:
    `Tells of ${sourceWords}: architecture, parameters, formats, tokenizer, templates and special tokens, and the ` +
    'memory that answering and training would take. No weights are read.',
  example: ['distillm inspect ./gpt2', 'distillm inspect --json hf:HuggingFaceTB/SmolLM2-135M'].join('\n'),
  words: '<source>',
  options: {
    Plan: {
      promptLength: withDefault('<tokens>', count, 'tokens of the prompt that is answered', 256),
      maxNewTokens: withDefault('<tokens>', count, 'tokens of its answer', 256),
      maxLength: withDefault('<tokens>', count, 'tokens of the samples that are trained on', 512),
      batchSize: withDefault('<number>', count, 'samples of a batch of training', 8),
      json: flag('one line of JSON'),
    },
    Device: deviceOptions,
  },
  rules: deviceRules,
  async run(options, terminal, [source = '', ...others]) {
    if (others.length > 0) throw new OptionError(`inspect takes one source, found ${others.length + 1}.`);
    const checkpoint = await openSource(source, terminal);
    return withDevice(options, terminal, async (device) => {
      const facts = await inspectCheckpoint(checkpoint, { device });
      const memory = 'missing' in facts.model ? undefined : await plansOf(checkpoint, device, facts.model, options);
      const { stdout } = terminal;
      if (options.json) stdout.write(`${JSON.stringify({ ...facts, memory })}\n`);
      else for (const line of linesOf(facts, memory, options)) stdout.write(`${wrapped(line, stdout)}\n`);
      return 'missing' in facts.model ? exitCodes.failed : exitCodes.done;
    });
  },
});

interface Lengths {
  readonly promptLength: number;
  readonly maxNewTokens: number;
  readonly maxLength: number;
  readonly batchSize: number;
}

type Positions = Pick<Model, 'maxPositions'>;

/** The lengths, where the model has positions for them; else half of its positions for the prompt, half for the answer. */
function fitted(lengths: Lengths, { maxPositions = Number.POSITIVE_INFINITY }: Positions): Lengths {
  const { promptLength, maxNewTokens, maxLength, batchSize } = lengths;
  const half = Math.max(1, Math.floor(maxPositions / 2));
  const fits = promptLength + maxNewTokens <= maxPositions;
  return {
    ...(fits ? { promptLength, maxNewTokens } : { promptLength: half, maxNewTokens: Math.max(1, maxPositions - half) }),
    maxLength: Math.min(maxLength, maxPositions),
    batchSize,
  };
}

async function plansOf(checkpoint: Checkpoint, device: Device, model: Positions, options: Lengths): Promise<Plans> {
  const { promptLength, maxNewTokens, maxLength, batchSize } = fitted(options, model);
  const generating: Record<string, GenerationMemory> = {};
  for (const dtype of weightFormats) {
    using sized = await loadModel(checkpoint, { device: device.meta(), dtype });
    generating[dtype] = await planGeneration(sized, { promptLength, maxNewTokens });
  }
  const training = await trainingPlan(checkpoint, device, { maxLength, batchSize }).catch((error: unknown) => {
    // An adapter of the head can be merged only.
    if (!(error instanceof CheckpointError)) throw error;
  });
  return { generating, ...(training && { training }) };
}

async function trainingPlan(
  checkpoint: Checkpoint,
  device: Device,
  { maxLength, batchSize }: Pick<Lengths, 'maxLength' | 'batchSize'>,
): Promise<MemoryEstimate> {
  using trained = await loadModel(checkpoint, { device: device.meta(), trainable: true });
  const sample = { ids: new Int32Array(maxLength), promptLength: Math.max(1, Math.floor(maxLength / 2)) };
  const train = Array.from({ length: batchSize }, () => sample);
  return fineTune({ model: trained, data: { train }, steps: 1, batchSize }).memory();
}

/** For people, one a line. */
function linesOf(facts: CheckpointFacts, memory: Plans | undefined, options: Lengths): string[] {
  const { name, storedAs, model, adapter, stored, tokenizer, chatTemplate, promptTemplate, companionFiles } = facts;
  const row = (title: string, text: string) => `${title.padEnd(11)}${text}`;
  const total = stored.reduce((sum, each) => sum + each.bytes, 0);
  const formats = stored.map(
    ({ dtype, tensors, bytes: size }) => `${dtype} ${bytes(size)} (${counted(tensors, 'tensor')})`,
  );
  return [
    row('Source', `${name}, ${storedAs}`),
    row('Model', 'missing' in model ? `cannot be loaded: ${model.missing}` : modelWords(model)),
    ...(adapter
      ? [row('Adapter', 'missing' in adapter ? `cannot be read: ${adapter.missing}` : adapterWords(adapter))]
      : []),
    ...(stored.length > 0 ? [row('Stored', `${bytes(total)}: ${formats.join(', ')}`)] : []),
    row('Tokenizer', 'missing' in tokenizer ? `none: ${tokenizer.missing}` : tokenizerWords(tokenizer)),
    ...('mismatch' in tokenizer ? [row('', `Note: ${tokenizer.mismatch}`)] : []),
    ...('missing' in tokenizer ? [] : specialLines(tokenizer.specialTokens).map((line) => row('', line))),
    row('Templates', templateWords(chatTemplate, promptTemplate)),
    ...(companionFiles.length > 0 ? [row('Files', companionFiles.join(', '))] : []),
    ...(memory && !('missing' in model) ? memoryLines(memory, fitted(options, model)).map((line) => row(...line)) : []),
  ];
}

type Model = Exclude<CheckpointFacts['model'], { readonly missing: string }>;
const modelWords = ({
  family,
  architecture,
  parameters,
  numLayers,
  numEncoderLayers,
  hiddenSize,
  maxPositions,
  ...rest
}: Model): string =>
  `${family}${architecture === undefined ? '' : ` (${architecture})`}, ${whole(parameters)} parameters: ` +
  `${layersInWords({ numLayers, numEncoderLayers })} of width ${whole(hiddenSize)}, vocabulary ${whole(rest.vocabSize)}, ` +
  `${maxPositions === undefined ? 'relative' : whole(maxPositions)} positions, ${rest.tiedHead ? 'head tied to the embedding' : 'head of its own'}`;

const adapterWords = ({ base, rank, alpha, rsLora, adapted, parameters }: LoraFacts): string =>
  `LoRA of rank ${rank}, alpha ${alpha}${rsLora ? ' by rsLoRA' : ''}, beside ${counted(adapted, 'linear part')} of ${base}: ` +
  `${counted(parameters, 'parameter')}`;

type Tokens = Exclude<CheckpointFacts['tokenizer'], { readonly missing: string }>;
const tokenizerWords = ({ vocabSize, around }: Tokens): string =>
  `${whole(vocabSize)} tokens, ${around.length === 0 ? 'puts nothing around texts' : `puts ${escaped(around.join(' '))} around texts`}`;

/** Special tokens that are shown; --json has them all. */
const mostShown = 12;

function specialLines(tokens: Tokens['specialTokens']): string[] {
  const inRole = tokens.filter(({ roles }) => roles.length > 0);
  const others = tokens.filter(({ roles }) => roles.length === 0);
  const word = ({ id, token, roles }: (typeof tokens)[number]) =>
    `${escaped(token)} (${[id, ...roles.map((role) => role.toUpperCase())].join(', ')})`;
  const more = others.length > mostShown ? ` and ${others.length - mostShown} more` : '';
  return [
    ...(inRole.length > 0 ? [inRole.map(word).join(', ')] : []),
    ...(others.length > 0 ? [`special too: ${others.slice(0, mostShown).map(word).join(', ')}${more}`] : []),
  ];
}

const templateWords = (chat: string | undefined, prompt: string | undefined): string =>
  [
    chat === undefined ? 'no chat template' : `a chat template of ${counted(chat.length, 'character')}`,
    prompt === undefined ? 'no prompt template named' : `prompt template '${prompt}'`,
  ].join(', ');

function memoryLines({ generating, training }: Plans, lengths: Lengths): [title: string, text: string][] {
  const fits = ({ fits }: { readonly fits: boolean }) => (fits ? '' : ' (does not fit)');
  const answers = Object.entries(generating).map(([dtype, plan]) => `${dtype} ${bytes(plan.total)}${fits(plan)}`);
  const { promptLength, maxNewTokens, maxLength, batchSize } = lengths;
  const trainingLine = (plan: MemoryEstimate): [string, string] => [
    'Training',
    `${bytes(plan.total)}${fits(plan)}; batches of ${counted(batchSize, 'sample')} of ${counted(maxLength, 'token')} (weights ` +
      `${bytes(plan.student)}, gradients and moments ${bytes(plan.gradients + plan.moments)}, activations ${bytes(plan.activations)})`,
  ];
  return [
    ['Answering', `${answers.join(', ')}; ${counted(promptLength, 'token')} and ${counted(maxNewTokens, 'new one')}`],
    ...(training ? [trainingLine(training)] : []),
  ];
}
