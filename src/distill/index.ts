export * from './losses/index.js';
export * from './sgo/index.js';
export * from './trainer/index.js';
