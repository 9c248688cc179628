/** `distillm eval`: models answer the prompts of a file, once for each seed, and their answers are scored. */
import { writeFileSync } from 'node:fs';
import { reportEvaluations } from '../../entries/report.js';
import {
  type Checkpoint,
  compareAnswers,
  type Device,
  type Example,
  hasRougeWords,
  OptionError,
  type ScoreAnswersOptions,
  type SeedAnswers,
  scoreAnswers,
} from '../../index.js';
import { ranges } from '../../settings/index.js';
import { samplerSettings } from '../../text/sampler.js';
import { defineCommand } from '../command.js';
import { recordOptions, skipping } from '../data.js';
import { deviceOptions, deviceRules, withDevice } from '../device.js';
import {
  type Answer,
  type Answerer,
  answerAll,
  loadAnswerer,
  perplexityOf,
  prepareAnswerer,
} from '../evaluation/answering.js';
import { type AnswersFile, type KnownAnswerer, noFile, openAnswers } from '../evaluation/answersFile.js';
import { judgeAll, judgeOptions, judgeRules, openJudge } from '../evaluation/judging.js';
import { modelDigest } from '../evaluation/modelDigest.js';
import { cardsOf, type Evaluated, resultOf, shownModels, textTables } from '../evaluation/results.js';
import { settingsOf, unusualScoring } from '../evaluation/settings.js';
import { exitCodes } from '../exitCodes.js';
import { counted, countedOf, duration } from '../format.js';
import { tryInputs } from '../inputs.js';
import { dtypeOption, openModelFolder, sourceWords, tokenizerWords } from '../models.js';
import {
  choice,
  count,
  distinctCounts,
  flag,
  given,
  listed,
  optional,
  required,
  text,
  typed,
  withDefault,
} from '../options.js';
import { answersFile, reportFile, tryApart, tryFile, writing } from '../outputs.js';
import { type ProgressLine, progressLine } from '../progress.js';
import type { Rule } from '../rules.js';
import { samplingOf, samplingOptions, samplingRules } from '../sampling.js';
import { templateOption } from '../template.js';
import { noted } from '../terminal.js';

const evaluationOptions = {
  model: required('<source...>', listed, `${sourceWords}; several are shown side by side`),
  dtype: dtypeOption,
  tokenizer: optional('<source>', text, `${tokenizerWords} (default: the model's)`),
  data: required('<file...>', listed, 'records with the reference answers, as train takes them'),
  ...recordOptions,
  template: templateOption,
  limit: optional('<records>', count, 'only so many records, from the start (default: all)'),
  seeds: withDefault(
    '<list>',
    distinctCounts,
    'one answer to each prompt for each seed, with commas between: 10,20',
    [10, 20, 30, 40, 50],
  ),
  maxPromptLength: optional('<tokens>', count, 'longer prompts are cut inside the input or instruction (default: 256)'),
  maxNewTokens: optional('<tokens>', count, 'longest answer (default: 256, or what the model has room for)'),
  batchSize: withDefault('<number>', count, 'prompts that are answered side by side', 32),
};

const scoreOptions = {
  normalization: withDefault(
    '<kind>',
    choice(['none', 'naturalInstructions', 'squad']),
    "what the normalized exact match leaves out: naturalInstructions (case and punctuation, as the paper's code), squad (a, an, the as well)",
    'naturalInstructions' as const,
  ),
  bleuTokenization: withDefault(
    '<kind>',
    choice(['13a', 'intl', 'char', 'none']),
    "sacreBLEU's tokenizer: char for scripts without spaces",
    '13a' as const,
  ),
  bleuSmoothing: withDefault(
    '<kind>',
    choice(['exp', 'floor', 'add-k', 'none']),
    'what an order of BLEU without a match counts',
    'exp' as const,
  ),
  bleuSmoothingValue: optional(
    '<number>',
    typed(ranges.positive),
    'of --bleu-smoothing floor, the matches that it counts (default: 0.1); of add-k, what is added to matches and runs (default: 1)',
  ),
  bleuEffectiveOrder: flag('BLEU leaves out orders of which the answers have no run: for a few short answers'),
  bleuLowercase: flag('BLEU compares letters without their case'),
  perplexity: flag('measures the perplexity of the references, too'),
};

const outputOptions = {
  answers: optional('<file>', text, 'JSONL of all answers with their references and scores'),
  resume: flag('goes on with --answers: seeds whose answers are there are not drawn again'),
  report: optional('<file>', text, 'an HTML page with the scores and the answers side by side, which needs no network'),
};

const rules: readonly Rule[] = [
  ({ resume, answers }) =>
    resume === undefined || answers !== undefined
      ? undefined
      : '--resume goes on with the answers of a file, and --answers names none. Name it, or leave --resume out.',
  ({ model }) => {
    const names = Array.isArray(model) ? model : [];
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    return twice === undefined ? undefined : `--model names ${twice} twice. Name each model once.`;
  },
  ({ bleuSmoothingValue, bleuSmoothing = 'exp' }) =>
    bleuSmoothingValue === undefined || ['floor', 'add-k'].includes(String(bleuSmoothing))
      ? undefined
      : `--bleu-smoothing-value is that of --bleu-smoothing floor or add-k, and ${bleuSmoothing} has none. Leave it out, or take one ` +
        'of these.',
  ...judgeRules,
  ...samplingRules,
  ...deviceRules,
];

export const evaluate = defineCommand({
  name: 'eval',
  summary: 'scores the answers of models by ROUGE, BLEU, exact match and a judge',
  description:
    'Models answer every prompt of a data file, once for each seed. A table shows ROUGE-L and its siblings (stems, best reference, ' +
    '0 to 100), BLEU, exact matches, how much answers differ, and how long they are: means with their deviation over the seeds and ' +
    'a bootstrap interval over the records. Of several models a second table says how each differs from the first, with the interval ' +
    'of the difference and how likely it would be by chance (paired bootstrap). stdout gets a line of JSON a model. ROUGE knows words of a to z and digits only: ' +
    'in other scripts look at BLEU and exact matches. The defaults are the ' +
    "paper's: seeds 10 to 50, temperature 1, no six tokens twice. --greedy gives one answer whatever the seed, so one is run. " +
    'With --judge a model on any OpenAI-compatible server scores the answers of the first seed.',
  example: [
    'distillm eval --model runs/dolly/best --data dolly-valid.jsonl --answers answers.jsonl',
    'distillm eval --model runs/sft/best runs/kd/best runs/dolly/best --data dolly-valid.jsonl --report eval.html',
    'distillm eval --model runs/dolly/best --data dolly-valid.jsonl --answers answers.jsonl --resume \\',
    '  --judge http://localhost:8080/v1 --judge-model qwen3-32b --judge-estimate',
  ].join('\n'),
  options: {
    Evaluation: evaluationOptions,
    Scores: scoreOptions,
    Output: outputOptions,
    Judge: judgeOptions,
    Sampling: samplingOptions({ noRepeatNgramSize: '6' }),
    Device: deviceOptions,
  },
  rules,
  async run(options, terminal) {
    const { answers: path, report, resume } = options;
    tryApart({
      '--answers': path,
      '--report': report,
      '--profile': options.profile,
      '--judge-cache': options.judgeCache,
    });
    if (path !== undefined) tryFile('--answers', path, answersFile, options.data, { isOwn: resume });
    if (report !== undefined) tryFile('--report', report, reportFile, options.data);
    tryInputs('--data', options.data);
    const judging = openJudge(options, { answers: path, data: options.data, signal: terminal.signal });
    const line = progressLine(terminal);
    // Whatever comes takes its time.
    line.print(`Evaluating ${options.model.join(', ')} on ${options.data.join(', ')}`);
    const checkpoints: Checkpoint[] = [];
    for (const source of options.model) {
      const open = () => openModelFolder('--model', source, terminal);
      checkpoints.push(await line.during(() => `opening ${source}`, open));
    }
    return withDevice(options, terminal, async (device) => {
      line.print(`Device: ${device.info.description}`);
      const sampling = samplerSettings({ noRepeatNgramSize: 6, ...samplingOf(options) });
      const answerers = new Map<string, Answerer>();
      // No weight is read before it is known that all can answer.
      for (const [at, checkpoint] of checkpoints.entries()) {
        const skipInvalid = at === 0 ? skipping(terminal.stderr, options.skipInvalid) : options.skipInvalid;
        const name = options.model[at] as string;
        const prepare = () => prepareAnswerer(checkpoint, { ...options, device, sampling, line, skipInvalid });
        answerers.set(name, await line.during(() => `reading the records for ${name}`, prepare));
      }
      const { examples } = requireSame(answerers);
      for (const [name, answerer] of answerers) noteCut(answerers.size > 1 ? `${name}, ` : '', answerer, line);
      noteReferences(examples, line);
      const seeds = sampling.temperature === 0 ? options.seeds.slice(0, 1) : options.seeds;
      const scoring: ScoreAnswersOptions = {
        normalization: options.normalization,
        bleu: {
          tokenization: options.bleuTokenization,
          smoothing: options.bleuSmoothing,
          ...given({ smoothingValue: options.bleuSmoothingValue }),
          effectiveOrder: Boolean(options.bleuEffectiveOrder),
          lowercase: Boolean(options.bleuLowercase),
        },
      };
      const started = performance.now();
      const file = path === undefined ? noFile : openAnswers(path, await known(answerers), { resume });
      try {
        const models: Evaluated[] = [];
        let first: readonly SeedAnswers[] | undefined;
        for (const [name, answerer] of answerers) {
          const called = answerers.size > 1 ? `${name}, ` : '';
          const how = {
            seeds,
            batchSize: options.batchSize,
            line,
            file,
            called,
            device,
            perplexity: options.perplexity,
            signal: terminal.signal,
          };
          const { runs, perplexity } = await answerRecords(name, answerer, how);
          const references = examples.map((example) => example.references);
          line.update(`${called}scoring ${counted(seeds.length * examples.length, 'answer')}`);
          const scores = scoreAnswers(runs, references, scoring);
          const difference = first && compareAnswers(runs, first, references, scoring);
          first ??= runs;
          noteEmpty(called, scores.seeds, { examples, line });
          const judge = options.judge && `${options.judgeModel}, ${options.judgeMode}`;
          const settings = settingsOf(answerer, { tokenizer: options.tokenizer ?? name, seeds, scoring, judge });
          models.push({
            ...{ name, answerer, scores, perplexity, difference, settings, verdicts: {} },
            answers: runs[0]!.answers as readonly Answer[],
          });
        }
        line.done();
        const judged = models.map(({ name, answers }) => ({ name, answers }));
        const verdicts =
          judging &&
          (await line.during(
            () => 'waiting for the judge',
            () => judgeAll(judging, judged, examples, { line, file, answersPath: path ?? '' }),
          ));
        const all = models.map((model, i) => ({ ...model, verdicts: verdicts?.[i] ?? {} }));
        for (const each of textTables(all)) line.print(each);
        const unusual = unusualScoring(scoring);
        if (unusual !== '') line.print(unusual);
        line.print(
          `${counted(examples.length, 'record')}, ${counted(seeds.length, 'seed')}, in ${duration(performance.now() - started)}`,
        );
        if (report !== undefined) writeReport(report, all, { examples, data: options.data, seeds, line });
        const told = { data: options.data, first: options.model[0] as string, ...scoring };
        for (const model of all) terminal.stdout.write(`${JSON.stringify(resultOf(model, told))}\n`);
      } finally {
        file.close();
      }
      return exitCodes.done;
    });
  },
});

async function known(answerers: ReadonlyMap<string, Answerer>): Promise<ReadonlyMap<string, KnownAnswerer>> {
  const each = new Map<string, KnownAnswerer>();
  for (const [name, answerer] of answerers) each.set(name, { ...answerer, digest: await modelDigest(answerer) });
  return each;
}

/** The records, which all models are asked. @throws OptionError where a template leaves out some of them for one model */
function requireSame(answerers: ReadonlyMap<string, Answerer>): Answerer {
  const [[first, answerer], ...others] = [...answerers] as [[string, Answerer], ...[string, Answerer][]];
  const asked = ({ examples }: Answerer) =>
    JSON.stringify(examples.map(({ instruction, input, references }) => [instruction, input, references]));
  const other = others.find(([, each]) => asked(each) !== asked(answerer));
  if (!other) return answerer;
  throw new OptionError(
    `--model ${other[0]} reads ${counted(other[1].examples.length, 'record')} of --data, and ${first} ` +
      `${counted(answerer.examples.length, 'other')}: their templates leave out different ones. Evaluate them one by one.`,
    { found: other[1].examples.length, expected: answerer.examples.length },
  );
}

interface AnsweringOptions {
  readonly device: Device;
  readonly seeds: readonly number[];
  readonly batchSize: number;
  readonly perplexity: boolean;
  readonly line: ProgressLine;
  readonly file: AnswersFile;
  readonly called: string;
  readonly signal: AbortSignal | undefined;
}

/** The answers of each seed, those of the file or new ones. A model whose answers are all there is not loaded. */
async function answerRecords(
  name: string,
  answerer: Answerer,
  { device, seeds, perplexity, file, called, ...how }: AnsweringOptions,
) {
  const missing = seeds.filter((seed) => file.kept(name, seed) === undefined);
  const { line } = how;
  const load = () => loadAnswerer(answerer, device);
  const isAsked = missing.length > 0 || perplexity;
  const model = isAsked ? await line.during(() => `${called}reading the weights`, load) : undefined;
  try {
    const drawn = new Map<number, readonly Answer[]>();
    for (const seed of missing) {
      const answers = await answerAll(model!, answerer, { ...how, seed, called: `${called}seed ${seed}: ` });
      file.add(name, seed, answers);
      drawn.set(seed, answers);
    }
    if (missing.length < seeds.length) {
      const kept = seeds.length - missing.length;
      line.print(noted(`${called}the answers of ${countedOf(kept, seeds.length, 'seed')} are those of --answers.`));
    }
    const runs = seeds.map((seed) => {
      const answers = drawn.get(seed) ?? file.kept(name, seed) ?? [];
      return { seed, answers: answers.map((answer) => ({ ...answer, cut: answer.finishReason === 'length' })) };
    });
    return {
      runs: runs as readonly SeedAnswers[],
      perplexity: perplexity
        ? await line.during(
            () => `${called}measuring the perplexity`,
            () => perplexityOf(model!, answerer),
          )
        : undefined,
    };
  } finally {
    model?.dispose();
  }
}

/** Prompts of which the model does not see all. */
function noteCut(called: string, { examples, promptsCut, settings }: Answerer, line: ProgressLine): void {
  if (promptsCut === 0) return;
  line.print(
    noted(
      `${called}${countedOf(promptsCut, examples.length, 'prompt', 'are')} longer than ${counted(settings.maxPromptLength, 'token')}, ` +
        'and cut inside. Raise --max-prompt-length where the model has room.',
    ),
  );
}

/** What cannot be scored by some measure, before anybody waits for it. */
function noteReferences(examples: readonly Example[], line: ProgressLine): void {
  const isAnswered = ({ references }: Example) => references.some((text) => text.trim() !== '');
  const unanswered = examples.filter((example) => !isAnswered(example)).length;
  if (unanswered > 0) {
    line.print(
      noted(
        `${countedOf(unanswered, examples.length, 'record', 'have')} an empty reference: only an empty answer matches it, and ` +
          'ROUGE-L is 0 there.',
      ),
    );
  }
  const unknown = examples.filter((each) => isAnswered(each) && !each.references.some(hasRougeWords)).length;
  if (unknown > 0) {
    line.print(
      noted(
        `${countedOf(unknown, examples.length, 'record', 'have')} no reference with a word of a to z or digits, all that ROUGE-L ` +
          'knows: it is 0 there whatever the answer. Exact matches count in every script.',
      ),
    );
  }
}

function noteEmpty(
  called: string,
  seeds: readonly { readonly emptyAnswers: number }[],
  { examples, line }: { readonly examples: readonly Example[]; readonly line: ProgressLine },
): void {
  const empty = seeds.reduce((sum, each) => sum + each.emptyAnswers, 0);
  if (empty < seeds.length * examples.length) return;
  line.print(
    noted(
      `${called}of ${counted(empty, 'answer')} none has a word: the model ends each at once. Check that it was trained on answers, and ` +
        'with this template.',
    ),
  );
}

function writeReport(
  path: string,
  models: readonly Evaluated[],
  {
    examples,
    data,
    seeds,
    line,
  }: {
    readonly examples: readonly Example[];
    readonly data: readonly string[];
    readonly seeds: readonly number[];
    readonly line: ProgressLine;
  },
): void {
  const { cards, note } = cardsOf(models, examples);
  const drawn = reportEvaluations(shownModels(models), {
    title: `Evaluation on ${data.join(', ')}`,
    lead: [`${counted(examples.length, 'record')}, ${counted(seeds.length, 'seed')} (${seeds.join(', ')}). ${note}`],
    answers: cards,
  });
  writing('--report', path, () => writeFileSync(path, drawn));
  line.print(`Report: ${path}`);
}
