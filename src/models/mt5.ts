/**
 * mT5 (Xue et al. 2021, arXiv:2010.11934), as Hugging Face transformers' MT5ForConditionalGeneration computes it: T5 v1.1
 * with a larger vocabulary. Its outputs are never scaled.
 */
import { t5Family } from './t5.js';

/** The mT5 family. */
export const family = t5Family({
  modelType: 'mt5',
  architecture: 'MT5ForConditionalGeneration',
  feedForward: 'gated-gelu',
  tied: false,
  startTokenId: 0,
  scales: () => false,
});
