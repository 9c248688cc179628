/** `distillm verify`: checks every kernel on this machine's devices against its float64 reference. */
import type { KernelVerdict } from '../../entries/testing.js';
import { type Device, openDevice } from '../../index.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { flag, optional, text } from '../options.js';
import { progressLine } from '../progress.js';

export const verify = defineCommand({
  name: 'verify',
  summary: "checks this machine's devices: every kernel against a float64 reference",
  description:
    'Runs every kernel on every device of this machine at odd shapes, and compares with a float64 reference. A line a ' +
    'kernel: the largest error as a share of what is allowed (above 100% it is wrong), and the rate of its largest case. A ' +
    'wrong driver is found before a run. Fails when a kernel is wrong.',
  example: 'distillm verify --kernels gemm',
  options: {
    Options: {
      kernels: optional('<text>', text, 'only kernels whose names contain this; the result is not kept'),
      software: flag('takes a software WebGPU adapter as well'),
      json: flag('a line of JSON for each device and kernel'),
    },
  },
  async run({ kernels, software, json }, terminal) {
    // Loaded for this command alone.
    const { keepVerification, verifyDevice } = await import('../../entries/testing.js');
    const { stdout, stderr } = terminal;
    const progress = progressLine(terminal);
    const rows = new Map<string, Map<string, KernelVerdict>>();
    const names: string[] = [];
    let failed = 0;
    for (const kind of ['wasm', 'webgpu'] as const) {
      let device: Device;
      try {
        device = await openDevice({ kind, wasm: { revectorize: true }, webgpu: { allowSoftware: software } });
      } catch (error) {
        progress.print(`${kind} is left out: ${(error as Error).message}`);
        continue;
      }
      const name = device.info.description;
      names.push(name);
      let wrong = 0;
      for await (const verdict of verifyDevice(device, kernels === undefined ? {} : { kernels })) {
        progress.update(`${name}: ${verdict.kernel}`);
        if (json) stdout.write(`${JSON.stringify({ device: name, ...verdict })}\n`);
        if (verdict.failure !== undefined) {
          wrong++;
          progress.print(`${verdict.kernel} is wrong on ${name}: ${verdict.failure}`);
        }
        const row = rows.get(verdict.kernel) ?? new Map<string, KernelVerdict>();
        rows.set(verdict.kernel, row.set(name, verdict));
      }
      await device.dispose();
      if (kernels === undefined) await keepVerification(name, { date: new Date().toISOString(), failed: wrong });
      failed += wrong;
    }
    progress.done();
    if (!json) stdout.write(table(rows, names));
    stderr.write(
      failed === 0
        ? `${rows.size} kernels are right on ${names.join(' and ')}.\n`
        : `${failed} kernels are wrong. Update the driver, or leave that device out with --device.\n`,
    );
    return failed === 0 && names.length > 0 ? exitCodes.done : exitCodes.failed;
  },
});

/** A line a kernel, the devices side by side. */
function table(rows: ReadonlyMap<string, ReadonlyMap<string, KernelVerdict>>, names: readonly string[]): string {
  const cell = (verdict: KernelVerdict | undefined) => {
    if (!verdict) return '';
    const share = verdict.failure === undefined ? `${(100 * verdict.used).toFixed(1)}%` : 'WRONG';
    return `${share}${verdict.rate ? `, ${verdict.rate.value.toPrecision(3)} ${verdict.rate.unit}` : ''}`;
  };
  const lines = [...rows].map(([kernel, row]) => [
    kernel,
    [...row.values()][0]?.format ?? '',
    ...names.map((name) => cell(row.get(name))),
  ]);
  const all = [['kernel', 'format', ...names], ...lines];
  const widths = (all[0] as string[]).map((_, i) => Math.max(...all.map((line) => (line[i] as string).length)));
  return all
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
