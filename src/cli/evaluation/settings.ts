/** The settings of an evaluation in words, so that two reports can be compared. */
import type { BleuOptions, ScoreAnswersOptions } from '../../index.js';
import { counted, countedOf } from '../format.js';
import { flagOf } from '../options.js';
import type { Answerer } from './answering.js';

const usualNormalization = 'naturalInstructions';
/** What kinds of smoothing take for a match or add to it where no value is given. */
const usualValues: Readonly<Partial<Record<string, number>>> = { floor: 0.1, 'add-k': 1 };

/** The settings of BLEU in the words of sacreBLEU's signatures: 'case:mixed|eff:no|tok:13a|smooth:exp'. */
function bleuSignature({
  lowercase = false,
  effectiveOrder = false,
  tokenization = '13a',
  smoothing = 'exp',
  smoothingValue = usualValues[smoothing],
}: BleuOptions = {}): string {
  const value = smoothingValue === undefined ? '' : `[${smoothingValue}]`;
  const yesOrNo = effectiveOrder ? 'yes' : 'no';
  return `case:${lowercase ? 'lc' : 'mixed'}|eff:${yesOrNo}|tok:${tokenization}|smooth:${smoothing}${value}`;
}

/** What the scores of a table are where it is not the usual: a line, or nothing. */
export function unusualScoring({ bleu, normalization = usualNormalization }: ScoreAnswersOptions): string {
  const signature = bleuSignature(bleu);
  return [
    ...(signature === bleuSignature({}) ? [] : [`BLEU: ${signature}`]),
    ...(normalization === usualNormalization ? [] : [`exact match, normalized: ${normalization}`]),
  ].join('; ');
}

/** Of a model's answers and scores, by the flags of `distillm eval` where they have one. */
export function settingsOf(
  { examples, promptsCut, settings, tokenizer: { vocabSize } }: Answerer,
  {
    tokenizer,
    seeds,
    scoring: { bleu, normalization = usualNormalization },
    judge,
  }: {
    readonly tokenizer: string;
    readonly seeds: readonly number[];
    readonly scoring: ScoreAnswersOptions;
    /** Its model and mode. */
    readonly judge: string | undefined;
  },
): Readonly<Record<string, string>> {
  const drawn = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(drawn.map(([name, value]) => [flagOf(name), String(value)])),
    '--seeds': seeds.join(','),
    '--tokenizer': `${tokenizer} (${counted(vocabSize, 'token')})`,
    '--normalization': normalization,
    BLEU: bleuSignature(bleu),
    ...(judge && { judge }),
    'prompts cut': countedOf(promptsCut, examples.length, 'prompt'),
  };
}
