/**
 * The builds of the kernels as the package has them: files beside its code. The script of the web worker is one file, into which
 * tsup.config.ts puts their bytes.
 */
import fused from '../../../build/compute-fused.wasm?file';
import plain from '../../../build/compute-plain.wasm?file';
import type { OwnBuild, WasmArithmetic } from './kernelFiles.js';

export const ownKernels: Readonly<Record<WasmArithmetic, OwnBuild>> = { fused, plain };
