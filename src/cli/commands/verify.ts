/** `distillm verify`: checks every kernel on this machine's devices against its float64 reference. */
import type { KernelVerdict } from '../../entries/testing.js';
import { type Device, DeviceError, openDevice } from '../../index.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { countedOf, duration, threeDigits } from '../format.js';
import { flag, optional, spellFlags, text } from '../options.js';
import { progressLine } from '../progress.js';
import { noted, wrapped } from '../terminal.js';

/** A device that is checked: the heading of its column, and its verdicts, those to come and those that are known. */
interface Checked {
  readonly heading: string;
  readonly device: Device;
  readonly coming: AsyncIterator<KernelVerdict>;
  readonly known: KernelVerdict[];
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
    try {
      for (const [heading, open] of kinds(allowSoftware)) {
        try {
          const device = await open();
          const coming = verifyDevice(device, kernels === undefined ? {} : { kernels });
          devices.push({ heading, device, coming, known: [] });
        } catch (error) {
          const message = spellFlags((error as Error).message, new Map([['allowSoftware', 'allowSoftware']]));
          progress.print(noted(`${heading} is left out: ${message}`));
        }
      }
      // All verdicts on a kernel before the next kernel: rows are whole, and whatever ends the process leaves them.
      for (let rows = 0; ; rows++) {
        const row: KernelVerdict[] = [];
        for (const { heading, device, coming, known } of devices) {
          const next = await coming.next();
          if (next.done) continue;
          const { kernel, failure } = next.value;
          // Where the rows themselves are not seen.
          if (!stdout.isTTY) progress.update(`${heading}: ${kernel}`);
          if (json) stdout.write(`${JSON.stringify({ device: device.info.description, ...next.value })}\n`);
          if (failure !== undefined) progress.print(`${heading}: ${kernel} is wrong: ${failure}`);
          known.push(next.value);
          row.push(next.value);
        }
        if (row.length === 0) break;
        if (!json) stdout.write(`${rows === 0 ? above(devices) : ''}${line(row)}\n`);
      }
      if (!json) stdout.write(below);
      for (const { device, known } of kernels === undefined ? devices : [])
        await keepVerification(device.info.description, { date: new Date().toISOString(), failed: wrongOf(known) });
    } finally {
      for (const { device } of devices) await device.dispose();
    }
    progress.done();
    for (const { heading, device, known } of devices) {
      const { description } = device.info;
      const wrong = wrongOf(known);
      const verdict =
        wrong === 0
          ? `${heading}: ${known.length === 1 ? 'the one kernel is' : `all ${known.length} kernels are`} right.`
          : `${heading}: ${countedOf(wrong, known.length, 'kernel', 'are')} WRONG on ${description}. ${adviceFor(heading)}`;
      stderr.write(`${wrapped(verdict, stderr)}\n`);
    }
    stderr.write(`Took ${duration(performance.now() - started)}.\n`);
    const right = devices.length > 0 && devices.every(({ known }) => wrongOf(known) === 0);
    return right ? exitCodes.done : exitCodes.failed;
  },
});

/** What is checked, by the headings of the columns. */
const kinds = (allowSoftware: boolean): readonly (readonly [heading: string, open: () => Promise<Device>])[] => [
  ['WASM fused', openFused],
  ['WASM plain', () => openDevice({ kind: 'wasm', wasm: { revectorize: true, arithmetic: 'plain' } })],
  ['WebGPU', () => openDevice({ kind: 'webgpu', webgpu: { allowSoftware } })],
];

/** @throws DeviceError where the engine has plain arithmetic only */
async function openFused(): Promise<Device> {
  const device = await openDevice({ kind: 'wasm', wasm: { revectorize: true } });
  if (device.info.arithmetic === 'fused') return device;
  const { plainBecause = '' } = device.info;
  await device.dispose();
  throw new DeviceError(`plain arithmetic is all there is here. ${plainBecause}`);
}

const adviceFor = (heading: string): string =>
  heading === 'WebGPU'
    ? 'Update its driver; until then compute with --device wasm.'
    : 'Please report it, with this output and the processor.';

const wrongOf = (verdicts: readonly KernelVerdict[]): number =>
  verdicts.filter(({ failure }) => failure !== undefined).length;

/** Widths that hold "attentionBackwardKeyValue", "GFLOP/s", "WRONG" and "12,345": three devices fill 80 columns. */
const widths = { kernel: 25, held: 4, unit: 7, error: 5, rate: 6 } as const;

const columns = (kernel: string, held: string, unit: string, cells: readonly (readonly [string, string])[]): string =>
  [
    `${kernel.padEnd(widths.kernel)} ${held.padEnd(widths.held)} ${unit.padEnd(widths.unit)}`,
    ...cells.map(([error, rate]) => `${error.padStart(widths.error)} ${rate.padStart(widths.rate)}`),
  ]
    .join('  ')
    .trimEnd();

/** What stands above the table: the devices, and what is in its columns. */
function above(devices: readonly Checked[]): string {
  const wide = widths.error + 1 + widths.rate;
  const headings = devices.map(({ heading }) => heading.padStart(wide)).join('  ');
  const cells = devices.map(() => ['error', 'rate'] as const);
  return [
    ...devices.map(({ heading, device }) => `${heading}: ${device.info.description}`),
    '',
    `${' '.repeat(widths.kernel + widths.held + widths.unit + 4)}${headings}`,
    columns('kernel', 'held', 'rate in', cells),
    '',
  ].join('\n');
}

/** A kernel's line: the devices side by side. */
function line(row: readonly KernelVerdict[]): string {
  const { kernel, format } = row[0] as KernelVerdict;
  const unit = row.find(({ rate }) => rate)?.rate?.unit ?? '';
  const cells = row.map((verdict) => [errorOf(verdict), verdict.rate ? rateOf(verdict.rate.value) : ''] as const);
  return columns(kernel, format, unit, cells);
}

/** What stands below it. */
const below = [
  '',
  "held: the weights' format. error: the largest, as a share of what is allowed;",
  'above 100% it is WRONG. rate: of the largest case, by the clock of the device;',
  'cases are small, so this is no benchmark.',
  '',
].join('\n');

function errorOf(verdict: KernelVerdict): string {
  if (verdict.failure !== undefined) return 'WRONG';
  const percent = 100 * verdict.used;
  return `${percent >= 9.95 ? Math.round(percent) : percent.toFixed(1)}%`;
}

/** Within the column's width: a software adapter has a thousandth of a GPU's rates. */
const rateOf = (value: number): string => (value < 1 ? value.toFixed(3) : threeDigits(value));
