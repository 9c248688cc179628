/** `distillm cache-teacher`: writes a teacher's predictions on data, to train students without it. */
import * as z from 'zod';
import { cachingOptions } from '../../distill/teacherCache/options.js';
import {
  type CacheShard,
  cacheTeacher,
  loadModel,
  mergeTeacherCache,
  numParameters,
  openTeacherCache,
  readInstructions,
  requireMemory,
  type TeacherCaching,
} from '../../index.js';
import { defineCommand } from '../command.js';
import { typedWords } from '../config.js';
import { kindOfData, recordNames, skipping } from '../data.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import { type ExitCode, exitCodes } from '../exitCodes.js';
import { flagsOf, optionsFrom } from '../flags.js';
import { bytes, counted, duration, whole } from '../format.js';
import { tryInputs } from '../inputs.js';
import {
  dtypeOption,
  findTokenizer,
  lengthLimits,
  openModelFolder,
  requireRoom,
  sourceWords,
  tokenizerWords,
} from '../models.js';
import { flag, flagOf, given, type OptionTable, optional, required, text } from '../options.js';
import { tryFolder } from '../outputs.js';
import { progressLine } from '../progress.js';
import { chooseTemplate } from '../template.js';
import { note, noted, shellWord, type Terminal, wrapped } from '../terminal.js';
import { heldOutOf, readingOptions, readingRules } from './trainOptions.js';

const shardWords = 'which share of how many, as in 2/4';
const shard = z.string().transform((value, context): CacheShard => {
  const [, index = 0, of = 0] = (/^(\d+)\/(\d+)$/.exec(value) ?? []).map(Number);
  if (index >= 1 && index <= of) return { index, of };
  context.addIssue({ code: 'custom', message: shardWords });
  return z.NEVER;
});

const { data, ...otherReading } = readingOptions;

const tokenizerOption = optional('<source>', text, `${tokenizerWords} (default: the teacher's)`);

export const cacheTeacherCommand = defineCommand({
  name: 'cache-teacher',
  summary: "writes a teacher's predictions, to train students without it",
  description:
    "Writes the teacher's likeliest tokens, their log-probabilities and that of all others together, for each token that students " +
    'are to learn of the data. train --teacher-cache OUT then needs no teacher in memory. The options that say how the data are ' +
    'read must be those of the training. The same command goes on where it was ended, at any moment, and makes damaged files ' +
    'anew. With --shard several machines share the work; when the last share is whole, all become one cache.',
  example: [
    'distillm cache-teacher --teacher ./teacher --data dolly.jsonl --out ./cache',
    'distillm train --method kd --teacher-cache ./cache --student ./student --data dolly.jsonl --out runs/cached',
  ].join('\n'),
  options: {
    Data: { data: { ...data, required: false }, ...otherReading },
    Teacher: {
      teacher: optional('<source>', text, `the teacher: ${sourceWords}`),
      teacherDtype: dtypeOption,
      tokenizer: tokenizerOption,
    },
    Predictions: {
      ...flagsOf(cachingOptions),
      shard: optional(
        '<i/n>',
        shard,
        `a share of the samples, ${shardWords}: of a cache that several calls make (default: 1/1)`,
      ),
    },
    Output: {
      out: required('<folder>', text, 'where the cache is, or goes; one of something else is not overwritten'),
      verify: flag(
        'reads every byte of the cache in OUT, and names what is missing or damaged; makes one cache of shards',
      ),
    },
    Device: deviceOptions,
  },
  rules: [
    (given) => {
      const others = Object.keys(given).filter((name) => name !== 'out' && name !== 'verify');
      if (given.verify !== undefined) {
        return others[0] === undefined
          ? undefined
          : `--verify looks at what is in --out, where ${flagOf(others[0])} does nothing. Leave one of them out.`;
      }
      const missing = ['teacher', 'data'].filter((name) => given[name] === undefined);
      return missing.length === 0
        ? undefined
        : `cache-teacher needs ${missing.map(flagOf).join(' and ')}, or --verify.`;
    },
    ...readingRules,
    ...deviceRules,
  ],
  async run(options, terminal) {
    const { out, verify, teacher: source } = options;
    if (verify) return verified(out, terminal);
    tryFolder('--out', out);
    tryInputs('--data', options.data);
    const held = heldOutOf(options);
    if (Array.isArray(held)) tryInputs('--validation', held);
    const checkpoint = await openModelFolder('--teacher', source as string, terminal);
    return withDevice(options, terminal, async (device) => {
      const { stderr } = terminal;
      stderr.write(`Device: ${device.info.description}\n`);
      const tokenizer = await findTokenizer(options.tokenizer, [checkpoint]);
      const holding = given({ dtype: options.teacherDtype });
      const sized = await loadModel(checkpoint, { device: device.meta(), ...holding });
      const { areChats, haveT5Prefix } = await kindOfData(options.data, options);
      const template = await chooseTemplate(options.template, [checkpoint], {
        ...{ tokenizer, areChats, prefersT5: haveT5Prefix && sized.numEncoderLayers !== undefined },
        say: (text) => note(stderr, text),
      });
      const limits = lengthLimits(options, [sized]);
      requireRoom(template, [sized], { tokenizer, ...limits });
      const read = await readInstructions(options.data, {
        ...{ template, tokenizer, ...limits, ...recordNames(options) },
        validation: held ?? 'tenth',
        ...given({ validationOrder: options.validationOrder }),
        skipInvalid: skipping(stderr, options.skipInvalid),
      });
      const shared = {
        ...optionsFrom(cachingOptions, options),
        ...{ data: read, tokenizer, out },
        ...given({ shard: options.shard }),
      };
      requireMemory(await cacheTeacher({ ...shared, teacher: sized }).memory());
      const line = `Teacher: ${whole(numParameters(sized))} parameters; data: ${counted(read.train.length, 'record')}, template ${read.template}`;
      stderr.write(`${wrapped(line, stderr)}\n`);
      const teacher = await loadModel(checkpoint, { device, ...holding });
      // Lengths that were not given are the teacher's, and would be the student's.
      const training = trainingCommand({ ...options, ...limits }, terminal);
      return follow((signal) => cacheTeacher({ ...shared, teacher, signal }), { out, training }, terminal);
    });
  },
});

/** Options of the cache that a training must be given as well, for another value would make other samples or predictions. */
const matched: OptionTable = {
  ...readingOptions,
  tokenizer: tokenizerOption,
  ...flagsOf(cachingOptions.pick({ temperature: true })),
};

/** The training that learns of the cache, but for its student and its folder. */
function trainingCommand(options: { readonly out: string }, { program }: Terminal): string {
  const words = Object.entries(matched).flatMap(([name, spec]) => {
    const value: unknown = (options as Readonly<Record<string, unknown>>)[name];
    return value === undefined ? [] : typedWords(name, spec, value);
  });
  const cache = `--method kd --teacher-cache ${shellWord(options.out)}`;
  return `${program} train ${cache} ${words.map((word) => shellWord(word)).join(' ')} --student ... --out ...`;
}

/** Writes to the end or to Ctrl-C. */
async function follow(
  start: (signal: AbortSignal) => TeacherCaching,
  { out, training }: { readonly out: string; readonly training: string },
  terminal: Terminal,
): Promise<ExitCode> {
  const { stdout, stderr } = terminal;
  const stop = new AbortController();
  const line = progressLine(terminal);
  const release = terminal.onInterrupt(() => {
    line.print('Stopping after this batch. What is written stays. Ctrl-C again ends at once.');
    stop.abort();
  }, ['SIGINT', 'SIGTERM', 'SIGHUP']);
  try {
    let before = 0;
    const started = performance.now();
    for await (const event of start(stop.signal)) {
      if (event.type === 'start') {
        before = event.done;
        for (const remark of event.remarks) line.print(noted(remark));
        const rest = event.done > 0 ? `, of which ${whole(event.done)} are there` : '';
        line.print(`Predicting ${counted(event.samples, 'sample')}${rest}; ${bytes(event.bytes)} in all`);
      } else if (event.type === 'progress') {
        const msLeft = ((event.of - event.samples) * (performance.now() - started)) / (event.samples - before);
        line.update(
          `${whole(event.samples)}/${whole(event.of)} samples  ${whole(event.tokensPerSecond)} tokens/s  ${duration(msLeft)} left`,
        );
      } else if (event.type === 'end') {
        const { reason, rows, bytes: size, missing, ms } = event;
        const isWhole = missing.length === 0;
        line.done();
        stdout.write(
          `${JSON.stringify({ cache: out, reason, rows, bytes: size, isWhole, missing, seconds: Math.round(ms / 1000) })}\n`,
        );
        if (reason === 'aborted') {
          stderr.write('Stopped. The same command goes on.\n');
          return exitCodes.interrupted;
        }
        const names = missing.map(({ index, of }) => `${index}/${of}`).join(', ');
        const next = isWhole
          ? `Done in ${duration(ms)}. Train with it:\n  ${training}`
          : `Done in ${duration(ms)}. The cache is whole when these shards are: ${names}.`;
        stderr.write(`${next}\n`);
      }
    }
    return exitCodes.done;
  } finally {
    line.done();
    release();
  }
}

/** @throws CheckpointError naming what is missing or damaged */
async function verified(out: string, { stdout, stderr }: Terminal): Promise<ExitCode> {
  // Shards that were copied together have no manifest yet; where there is one, their records are compared with it.
  await mergeTeacherCache(out);
  const { facts, rows, bytes: size, digest } = await openTeacherCache(out);
  const { topK, temperature, data } = facts;
  stdout.write(`${JSON.stringify({ cache: out, rows, bytes: size, digest, topK, temperature, data })}\n`);
  stderr.write(
    `${out}: whole. ${counted(rows, 'prediction')} of ${counted(data.samples, 'sample')}, ${bytes(size)}.\n`,
  );
  return exitCodes.done;
}
