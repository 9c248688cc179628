/**
 * What the worker offers: all functions that work on models, devices, data and files. Tensors and their operations
 * (`distillm/tensor`) are none of it: a message takes longer than an operation, and what frees tensors takes functions.
 */
export * from '../entries/report.js';
export * from '../entries/testing.js';
export * from '../index.js';
