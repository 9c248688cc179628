/** The device options that commands share. */
import { type Device, openDevice } from '../index.js';
import { choice, count, flag, given, hidden, optional, type Values, withDefault } from './options.js';
import { profiled, profileOption } from './profile.js';
import type { Rule } from './rules.js';
import type { Terminal } from './terminal.js';

export const deviceOptions = {
  device: withDefault(
    '<kind>',
    choice(['auto', 'webgpu', 'wasm']),
    'auto takes a hardware GPU where there is one, else WebAssembly on all cores',
    'auto',
  ),
  threads: optional('<number>', count, "threads of the 'wasm' device (default: all cores)"),
  arithmetic: optional(
    '<kind>',
    choice(['fused', 'plain', 'gpu']),
    "how products are added: fused ('wasm' rounds a product and its sum together), plain ('wasm' rounds each), gpu " +
      "('webgpu' does as its GPU) (default: fused where that is possible; gpu on 'webgpu')",
  ),
  allowSoftware: flag("lets 'webgpu' take a software adapter, which is slower than 'wasm'"),
  subgroupMatrices: hidden(flag("'webgpu' multiplies f16 weights on the GPU's matrix units, rounding to f16")),
  profile: profileOption,
};

/** The device whose arithmetic it is. */
const kindOf = { fused: 'wasm', plain: 'wasm', gpu: 'webgpu' } as const;

/** Options of one kind of device beside another kind. */
export const deviceRules: readonly Rule[] = [
  ({ device, arithmetic }) => {
    if (device === undefined || device === 'auto' || arithmetic === undefined) return undefined;
    const kind = kindOf[arithmetic as keyof typeof kindOf];
    return kind === device
      ? undefined
      : `--arithmetic ${arithmetic} is that of --device ${kind}, not of ${device}. Leave one of them out.`;
  },
  ({ device = 'auto', allowSoftware }) =>
    allowSoftware === undefined || device === 'webgpu'
      ? undefined
      : `--allow-software is for --device webgpu, and --device is ${device}. Give --device webgpu, or leave it out.`,
];

/**
 * Opens what the options ask for, works on it, and disposes of it. This process is ours, so V8 may pack vectors to 256
 * bits.
 */
export async function withDevice<T>(
  { device: asked, threads, arithmetic, allowSoftware, subgroupMatrices, profile }: Values<typeof deviceOptions>,
  terminal: Terminal,
  work: (device: Device) => Promise<T>,
): Promise<T> {
  const kind = asked === 'auto' && arithmetic !== undefined ? kindOf[arithmetic] : asked;
  const device = await openDevice({
    kind,
    wasm: { revectorize: true, ...given({ threads }), ...(arithmetic && arithmetic !== 'gpu' && { arithmetic }) },
    webgpu: { allowSoftware, subgroupMatrices },
  });
  try {
    if (profile === undefined) return await work(device);
    return await profiled(profile, { device, terminal }, () => work(device));
  } finally {
    await device.dispose();
  }
}
