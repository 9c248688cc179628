/** Compiling WebAssembly where a page's policy may forbid it, which engines tell like any other fault of a module. */
import { DeviceError } from './errors.js';

/** What Chromium, Firefox and Safari say of a module that a policy forbids has one of these. */
const forbidden = /content security policy|\bCSP\b/i;

/**
 * Does `compile`, and tells it where the policy is what forbids it.
 * @throws DeviceError for that; else what `compile` throws
 */
export function compileHere<T>(compile: () => T): T {
  try {
    return compile();
  } catch (cause) {
    throw policyError(cause) ?? cause;
  }
}

/** The error for WebAssembly that a policy forbids; undefined where the cause is another. */
export function policyError(cause: unknown): DeviceError | undefined {
  if (!(cause instanceof Error) || !forbidden.test(cause.message)) return undefined;
  return new DeviceError(
    "The Content-Security-Policy allows no WebAssembly here. Add 'wasm-unsafe-eval' to script-src, in the policy of the page and " +
      "in that of the worker's script (docs/browsers.md).",
    { cause },
  );
}
