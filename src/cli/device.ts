import { type Backend, openDevice } from '../index.js';
import { choice, count, flag, given, optional, type Values, withDefault } from './options.js';

export const deviceOptions = {
  device: withDefault(
    '<kind>',
    choice(['auto', 'webgpu', 'wasm']),
    'auto takes a hardware GPU where there is one, else WebAssembly on all cores',
    'auto',
  ),
  threads: optional('<number>', count, "threads of the 'wasm' device (default: all cores)"),
  allowSoftware: flag("lets 'webgpu' take a software adapter, which is slower than 'wasm'"),
};

/** Opens what the options ask for. This process is ours, so V8 may pack vectors to 256 bits. */
export const openChosenDevice = ({ device, threads, allowSoftware }: Values<typeof deviceOptions>): Promise<Backend> =>
  openDevice(device, { wasm: { revectorize: true, ...given({ threads }) }, webgpu: { allowSoftware } });
