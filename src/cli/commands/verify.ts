/** `distillm verify`: checks every kernel on this machine's devices against its float64 reference. */
import type { KernelVerdict } from '../../entries/testing.js';
import { type Device, DeviceError, examineDevices, openDevice } from '../../index.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { duration, threeDigits } from '../format.js';
import { flag, optional, text } from '../options.js';
import { progressLine } from '../progress.js';
import { wrapped } from '../terminal.js';

/** A device that was checked: the heading of its column, what it is, and its kernels by name. */
interface Checked {
  readonly heading: string;
  readonly description: string;
  readonly verdicts: ReadonlyMap<string, KernelVerdict>;
}

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
      allowSoftware: flag('takes a software WebGPU adapter as well, which may need ten minutes'),
      json: flag('a line of JSON for each device and kernel'),
    },
  },
  async run({ kernels, allowSoftware, json }, terminal) {
    // Loaded for this command alone.
    const { keepVerification, verifyDevice } = await import('../../entries/testing.js');
    const { stdout, stderr } = terminal;
    const progress = progressLine(terminal);
    const devices: Checked[] = [];
    const started = performance.now();
    for (const [heading, open] of kinds(allowSoftware)) {
      let device: Device;
      try {
        device = await open();
      } catch (error) {
        progress.print(`${heading} is left out: ${(error as Error).message}`);
        continue;
      }
      const { description } = device.info;
      const verdicts = new Map<string, KernelVerdict>();
      devices.push({ heading, description, verdicts });
      for await (const verdict of verifyDevice(device, kernels === undefined ? {} : { kernels })) {
        progress.update(`${heading}: ${verdict.kernel}`);
        if (json) stdout.write(`${JSON.stringify({ device: description, ...verdict })}\n`);
        if (verdict.failure !== undefined) progress.print(`${heading}: ${verdict.kernel} is wrong: ${verdict.failure}`);
        verdicts.set(verdict.kernel, verdict);
      }
      await device.dispose();
      if (kernels === undefined)
        await keepVerification(description, { date: new Date().toISOString(), failed: wrongOf(verdicts) });
    }
    progress.done();
    if (!json) stdout.write(table(devices));
    for (const { heading, description, verdicts } of devices) {
      const wrong = wrongOf(verdicts);
      const verdict =
        wrong === 0
          ? `${heading}: ${verdicts.size === 1 ? 'the one kernel is' : `all ${verdicts.size} kernels are`} right.`
          : `${heading}: ${wrong} of ${verdicts.size} kernels are WRONG on ${description}. ${adviceFor(heading)}`;
      stderr.write(`${wrapped(verdict, stderr)}\n`);
    }
    stderr.write(`Took ${duration(performance.now() - started)}.\n`);
    const right = devices.length > 0 && devices.every(({ verdicts }) => wrongOf(verdicts) === 0);
    return right ? exitCodes.done : exitCodes.failed;
  },
});

/** What is checked, by the headings of the columns. */
const kinds = (allowSoftware: boolean): readonly (readonly [heading: string, open: () => Promise<Device>])[] => [
  ['WASM fused', openFused],
  ['WASM plain', () => openDevice({ kind: 'wasm', wasm: { revectorize: true, arithmetic: 'plain' } })],
  ['WebGPU', () => openGPU(allowSoftware)],
];

/** @throws DeviceError where the engine has plain arithmetic only */
async function openFused(): Promise<Device> {
  const device = await openDevice({ kind: 'wasm', wasm: { revectorize: true } });
  if (device.info.arithmetic === 'fused') return device;
  const { plainBecause = '' } = device.info;
  await device.dispose();
  throw new DeviceError(`plain arithmetic is all there is here. ${plainBecause}`);
}

async function openGPU(allowSoftware: boolean): Promise<Device> {
  // Asked first: where the machine shows no GPU, opening one would make Dawn write warnings of its own.
  const found = allowSoftware ? undefined : (await examineDevices()).webgpu;
  if (found && 'missing' in found) throw new DeviceError(found.missing);
  return openDevice({ kind: 'webgpu', webgpu: { allowSoftware } });
}

const adviceFor = (heading: string): string =>
  heading === 'WebGPU'
    ? 'Update its driver; until then compute with --device wasm.'
    : 'Please report it, with this output and the processor.';

const wrongOf = (verdicts: Checked['verdicts']): number =>
  [...verdicts.values()].filter(({ failure }) => failure !== undefined).length;

/** Widths that hold "attentionBackwardKeyValue", "GFLOP/s", "WRONG" and "12,345": three devices fill 80 columns. */
const widths = { kernel: 25, held: 4, unit: 7, error: 5, rate: 6 } as const;

/** A line a kernel, the devices side by side, with words around it that say what is in it. */
function table(devices: readonly Checked[]): string {
  const names = [...new Set(devices.flatMap(({ verdicts }) => [...verdicts.keys()]))];
  const row = (kernel: string, held: string, unit: string, cells: readonly (readonly [string, string])[]) =>
    [
      `${kernel.padEnd(widths.kernel)} ${held.padEnd(widths.held)} ${unit.padEnd(widths.unit)}`,
      ...cells.map(([error, rate]) => `${error.padStart(widths.error)} ${rate.padStart(widths.rate)}`),
    ]
      .join('  ')
      .trimEnd();
  const lines = names.map((name) => {
    const found = devices.map(({ verdicts }) => verdicts.get(name));
    const first = found.find((verdict) => verdict !== undefined) as KernelVerdict;
    const unit = found.find((verdict) => verdict?.rate)?.rate?.unit ?? '';
    return row(
      name,
      first.format,
      unit,
      found.map((verdict) => [errorOf(verdict), verdict?.rate ? rateOf(verdict.rate.value) : '']),
    );
  });
  const wide = widths.error + 1 + widths.rate;
  const above = devices.map(({ heading }) => heading.padStart(wide)).join('  ');
  return [
    ...devices.map(({ heading, description }) => `${heading}: ${description}`),
    '',
    `${' '.repeat(widths.kernel + widths.held + widths.unit + 4)}${above}`,
    row(
      'kernel',
      'held',
      'rate in',
      devices.map(() => ['error', 'rate'] as const),
    ),
    ...lines,
    '',
    "held: the weights' format. error: the largest, as a share of what is allowed;",
    'above 100% it is WRONG. rate: of the largest case, by the clock of the device;',
    'cases are small, so this is no benchmark.',
    '',
  ].join('\n');
}

function errorOf(verdict: KernelVerdict | undefined): string {
  if (!verdict) return '';
  if (verdict.failure !== undefined) return 'WRONG';
  const percent = 100 * verdict.used;
  return `${percent >= 9.95 ? Math.round(percent) : percent.toFixed(1)}%`;
}

/** Within the column's width: a software adapter has a thousandth of a GPU's rates. */
const rateOf = (value: number): string => (value < 1 ? value.toFixed(3) : threeDigits(value));
