/** Language models as judges of answers, on any OpenAI-compatible server. */
export {
  type AnswersToCompare,
  type AnswerToRate,
  type Comparison,
  createJudge,
  type Judge,
  type JudgeEstimate,
  type JudgeWork,
  type Rating,
  type VerdictFacts,
} from './judge.js';
export type { JudgeCache, JudgeOptions } from './options.js';
export { type ComparisonSummary, type RatingSummary, summarizeComparisons, summarizeRatings } from './summaries.js';
