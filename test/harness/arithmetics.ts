import { openWasm } from '../../src/backend/wasm/index.js';
import type { WasmArithmetic } from '../../src/backend/wasm/kernelFiles.js';

const device = await openWasm({ threads: 1 });
await device.dispose();

/** The arithmetics that WASM has here: fused only where the engine has relaxed SIMD and the processor rounds once. */
export const arithmetics: readonly WasmArithmetic[] =
  device.info.arithmetic === 'fused' ? ['plain', 'fused'] : ['plain'];
