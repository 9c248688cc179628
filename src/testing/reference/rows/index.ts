/** What the kernels that own rows mean. */
export * from './alphaBeta.js';
export * from './compare.js';
export * from './crossEntropy.js';
export * from './divergence.js';
export * from './embedding.js';
export * from './norm.js';
export * from './policyGradient.js';
export * from './sample.js';
export * from './top.js';
