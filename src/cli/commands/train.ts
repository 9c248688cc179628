import {
  adaptiveOffPolicy,
  type CheckpointEvent,
  type Device,
  type DistillOptions,
  distill,
  type EndEvent,
  type FineTuneOptions,
  fineTune,
  type InstructionData,
  type LanguageModel,
  loadModel,
  loadTokenizer,
  numParameters,
  OptionError,
  offPolicy,
  openFolder,
  type PromptTemplateName,
  readInstructions,
  readText,
  type SgoPolicy,
  type Tokenizer,
  type TrainingEvent,
} from '../../index.js';
import { defineCommand } from '../command.js';
import { deviceOptions, withDevice } from '../device.js';
import { exitCodes } from '../exitCodes.js';
import { duration, whole } from '../format.js';
import { openLog } from '../log.js';
import { makeLoss } from '../losses.js';
import { checkModelFolders, findTokenizer, hasTokenizer, lengthLimits, openStudent } from '../models.js';
import { given } from '../options.js';
import { progressLine, trainingProgress } from '../progress.js';
import { chooseTemplate } from '../template.js';
import type { Terminal } from '../terminal.js';
import { checkMethod, type TrainOptions, trainOptions } from './trainOptions.js';

export const train = defineCommand({
  name: 'train',
  summary: 'trains a model: supervised, by plain distillation, or by DistiLLM',
  description:
    'Trains a model on instruction data, and writes Hugging Face folders: OUT/best (by validation) and OUT/last, from ' +
    'which --resume goes on. Ctrl-C saves and stops. The result is one line of JSON on stdout.\n\n' +
    'sft: supervised fine-tuning on the answers; makes teachers, prepares students.\n' +
    "kd: learns the teacher's predictions on the answers of the data.\n" +
    'distillm: the same, and on its own answers as needed (Ko et al., 2024).',
  example: [
    'distillm train --method distillm --teacher ./teacher --student ./student --data dolly.jsonl --validation 1000 \\',
    '  --epochs 20 --batch-size 8 --loss skewReverseKL --alpha 0.1 --out runs/dolly',
  ].join('\n'),
  options: { ...trainOptions, Device: deviceOptions },
  async run(options, terminal) {
    checkMethod(options);
    await checkOutput(options);
    await checkModelFolders([options.student, options.teacher]);
    // Made first: loading may take minutes.
    const distilling = options.teacher === undefined ? undefined : await distillationOptions(options);
    return withDevice(options, terminal, async (device) => {
      terminal.stderr.write(`Device: ${device.info.description}\n`);
      const tokenizer = await findTokenizer(options.tokenizer, [options.student, options.teacher]);
      const teacher = await openTeacher(options, device);
      const student = await openStudent(options, { device, tokenizer, positions: options.maxLength ?? 512 });
      const limits = lengthLimits(options, teacher ? [student, teacher] : [student]);
      const template = await chooseTemplate(options.template, [options.student, options.teacher]);
      const data = await readData(options, { template, tokenizer, ...limits });
      describe(terminal, { teacher, student, data });
      const shared: FineTuneOptions = {
        ...runOptions(options, data),
        student,
        tokenizer,
        data,
        ...(options.text !== undefined && {
          text: {
            samples: await readText(options.text, { tokenizer, length: limits.maxLength }),
            ...given({ lmCoef: options.lmCoef }),
          },
        }),
      };
      const distillation = teacher && distilling && { teacher, ...distilling };
      const start = (signal: AbortSignal) =>
        distillation ? distill({ ...shared, ...distillation, signal }) : fineTune({ ...shared, signal });
      const ended = await follow(
        start,
        { options, capacity: distillation?.sgo.capacity ?? 0, validates: data.validation.length > 0 },
        terminal,
      );
      return report(ended, options, terminal);
    });
  },
});

async function openTeacher({ teacher, teacherDtype: dtype }: TrainOptions, device: Device) {
  return teacher === undefined ? undefined : loadModel(teacher, { device, ...given({ dtype }) });
}

/** The data; by default its first 1000 records are held out, as in the paper, of small sets a tenth. */
async function readData(
  { data: file, validation }: TrainOptions,
  setting: { template: PromptTemplateName; tokenizer: Tokenizer; maxPromptLength: number; maxLength: number },
): Promise<InstructionData> {
  const data = await readInstructions(file, { ...setting, ...given({ validation }) });
  if (validation !== undefined) return data;
  const held = Math.min(1000, Math.floor(data.train.length / 10));
  return { ...data, validation: data.train.slice(0, held), train: data.train.slice(held) };
}

/** Refuses to write over another run. */
async function checkOutput({ out, resume }: TrainOptions): Promise<void> {
  if (resume || !(await openFolder(out).exists('last/trainer-state.safetensors'))) return;
  throw new OptionError(`--out ${out} holds a run already. Go on with it by --resume, or take another folder.`);
}

function describe(
  { stderr }: Terminal,
  models: { teacher: LanguageModel | undefined; student: LanguageModel; data: InstructionData },
): void {
  const { teacher, student, data } = models;
  const size = (model: LanguageModel) => `${whole(numParameters(model))} parameters`;
  if (teacher) stderr.write(`Teacher: ${size(teacher)}\n`);
  stderr.write(`Student: ${size(student)}\n`);
  const { prompts, responses } = data.cut;
  const cut = prompts + responses > 0 ? `; ${prompts} prompts and ${responses} answers were too long and cut` : '';
  stderr.write(
    `Data: ${whole(data.train.length)} records, ${whole(data.validation.length)} for validation, template ${data.template}${cut}\n`,
  );
}

/** The options that every method has, as the API takes them. */
function runOptions(options: TrainOptions, { validation }: InstructionData) {
  const { epochs, steps, batchSize, gradAccumulationSteps, groupByLength, schedule, warmupSteps } = options;
  const { method, lr, weightDecay, clipGradNorm, seed, validateEvery, maxNewTokens, out, resume } = options;
  // The paper chooses students by ROUGE-L, the models that they start from by loss.
  const samples = options.rougeSamples ?? (method === 'sft' || validation.length === 0 ? 0 : 100);
  return {
    // The length of the run is the one thing without a default of its own in the API.
    ...(steps === undefined ? { epochs: epochs ?? (method === 'sft' ? 3 : 20) } : given({ steps, epochs })),
    ...given({ warmupSteps, maxNewTokens }),
    batchSize,
    gradAccumulationSteps,
    groupByLength,
    schedule,
    seed,
    optimizer: { lr, weightDecay, clipGradNorm },
    validation: { every: validateEvery, ...(samples > 0 && { rougeL: { samples } }) },
    checkpoint: out,
    resume,
  };
}

async function distillationOptions(
  options: TrainOptions,
): Promise<Pick<DistillOptions, 'loss' | 'kdRatio' | 'teacherTokenizer'> & { readonly sgo: SgoPolicy }> {
  const { method, alpha, weight, lossTemperature: temperature, kdRatio, teacher = '' } = options;
  const loss = options.loss ?? (method === 'kd' ? 'forwardKL' : 'skewReverseKL');
  const teacherTokenizer = (await hasTokenizer(teacher)) ? await loadTokenizer(teacher) : undefined;
  return {
    loss: makeLoss(loss, { alpha, weight, temperature }),
    sgo: method === 'kd' ? offPolicy() : studentOutputs(options),
    ...given({ kdRatio, teacherTokenizer }),
  };
}

function studentOutputs(options: TrainOptions): SgoPolicy {
  const { capacity, initThreshold, lossEps, replaySchedule: schedule, phiCap: cap, phiCooldown: cooldown } = options;
  return adaptiveOffPolicy({
    ...given({ capacity, initThreshold, lossEps, schedule }),
    guard: given({ cap, cooldown }),
  });
}

interface Ended {
  readonly end: EndEvent;
  /** The last checkpoint of this call, from which `resume` goes on. */
  readonly saved: CheckpointEvent | undefined;
}

/** Runs to the end or to Ctrl-C: shows and logs what happens. */
async function follow(
  start: (signal: AbortSignal) => AsyncIterable<TrainingEvent>,
  { options, capacity, validates }: { options: TrainOptions; capacity: number; validates: boolean },
  terminal: Terminal,
): Promise<Ended> {
  const stop = new AbortController();
  const line = progressLine(terminal);
  const progress = trainingProgress(line, capacity);
  const release = terminal.onInterrupt(() => {
    line.print('Stopping after this step, then saving. Ctrl-C again ends at once, without saving.');
    stop.abort();
  });
  try {
    const run = start(stop.signal);
    const log = openLog(options.log ?? `${options.out}/log.jsonl`, { append: options.resume });
    log({ type: 'options', ...options });
    let end: EndEvent | undefined;
    let saved: CheckpointEvent | undefined;
    for await (const event of run) {
      log(event);
      progress.show(event);
      // On long validation sets it takes minutes.
      if (event.type === 'start' && event.step === 0 && validates) {
        line.update('validating before the first step');
      }
      if (event.type === 'end') end = event;
      if (event.type === 'checkpoint' && event.kind === 'last') saved = event;
    }
    // The API's promise: 'end' comes last.
    return { end: end as EndEvent, saved };
  } finally {
    progress.done();
    release();
  }
}

function report({ end, saved }: Ended, { out }: TrainOptions, { stdout, stderr }: Terminal) {
  const student = `${out}/${end.best ? 'best' : 'last'}`;
  const { step, reason, best, ms } = end;
  stdout.write(`${JSON.stringify({ step, reason, ...(best && { best }), student, seconds: Math.round(ms / 1000) })}\n`);
  if (reason === 'aborted') {
    const where = saved
      ? `Saved in ${saved.path}; the same command with --resume goes on.`
      : 'There was nothing new to save.';
    stderr.write(`Stopped after step ${step}. ${where}\n`);
    return exitCodes.interrupted;
  }
  stderr.write(`Done in ${duration(ms)}. The trained model is in ${student}. Try it:\n`);
  stderr.write(`  distillm generate --model ${student} 'Name three animals.'\n`);
  return exitCodes.done;
}
