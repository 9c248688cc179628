/**
 * Scores of answers against references: ROUGE (ROUGE-L is the paper's), BLEU and exact match, each equal to its reference
 * implementation; how much texts differ from each other; and all of it for the answers of a model, with intervals.
 */
export { type BleuOptions, type BleuScore, type BleuSmoothing, bleu } from './bleu.js';
export type { BleuTokenization, BleuTokenOptions } from './bleuTokens.js';
export { type BootstrapOptions, bootstrapInterval, type Interval } from './bootstrap.js';
export { type ComparedScore, type ComparedScores, compareAnswers } from './compareAnswers.js';
export { type DistinctNOptions, distinctN, selfBleu } from './diversity.js';
export { type ExactMatchOptions, exactMatch } from './exactMatch.js';
export type { AnswerNormalization } from './normalizeAnswer.js';
export { meanRougeL, rougeL } from './rougeL.js';
export { rougeLsum } from './rougeLsum.js';
export { type RougeNOptions, rougeN } from './rougeN.js';
export { hasRougeWords, type RougeOptions } from './rougeWords.js';
export {
  type AnswerMetric,
  type AnswerScores,
  type GivenAnswer,
  type MetricMeans,
  type ScoreAnswersOptions,
  type SeedAnswers,
  type SeedScores,
  scoreAnswers,
} from './scoreAnswers.js';
