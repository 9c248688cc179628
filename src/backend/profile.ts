/** Profiles: how long each kernel ran and at what rate, as a table and as a trace for chrome://tracing. */
import { OptionError } from '../errors.js';
import { checkOption } from '../settings/index.js';
import { type Device, deviceOption, type KernelCall } from './backend.js';
import { operandDType, operandEntries } from './check.js';
import { bytesPerEntry, type Dims, type KernelName, type KernelSpec, kernels, type Params } from './kernels/index.js';

/** What one kernel took. */
export interface KernelProfile {
  /** Name in the kernel table. */
  readonly kernel: KernelName;
  /** Calls that were timed. */
  readonly calls: number;
  /** Time of all of them together, in ms. */
  readonly milliseconds: number;
  /**
   * From the FLOP counts of the kernel table. Those of attention take padding for keys: an upper bound where rows are
   * padded.
   */
  readonly gflopPerSecond: number;
  /** From the sizes of the operands, each read or written once. */
  readonly gbPerSecond: number;
  /** 'memory': so few operations a byte that bandwidth is what counts. */
  readonly bound: 'memory' | 'compute';
}

/** Time of the kernels in one phase of the work ('forward', 'sample'): see `markPhase`. */
export interface PhaseProfile {
  /** 'forward', for example. */
  readonly phase: string;
  /** Time of its kernel calls together, in ms. */
  readonly milliseconds: number;
}

/**
 * A file for chrome://tracing and Perfetto: `JSON.stringify` it. Times are in microseconds from the profile's start.
 */
export interface ChromeTrace {
  /** Names of the tracks, then phases, then kernel calls. */
  readonly traceEvents: readonly ChromeTraceEvent[];
  /** Unit that viewers show. */
  readonly displayTimeUnit: 'ms';
  /** Of the whole profile. */
  readonly otherData: {
    /** Description of the device. */
    readonly device: string;
    /** Kernel calls in the profile. */
    readonly kernelCalls: number;
    /** Of those, how many have events: the first ones. */
    readonly kernelCallsKept: number;
  };
}
/** One event of the Trace Event Format. */
export interface ChromeTraceEvent {
  /** Kernel, phase, or what is named. */
  readonly name: string;
  /** 'X' is a stretch of time, 'M' names a process or thread. */
  readonly ph: 'X' | 'M';
  /** Process: there is one. */
  readonly pid: number;
  /** Track: kernels or phases. */
  readonly tid: number;
  /** Category. */
  readonly cat?: string;
  /** Begin, in microseconds. */
  readonly ts?: number;
  /** Duration, in microseconds. */
  readonly dur?: number;
  /** Further fields: the dims of a call, the name of a track. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A profile, under way or stopped. */
export interface Profile {
  /** By kernel, what took longest first. On WebGPU work under way is not in it: `await stop()` or `device.finish()`. */
  kernels(): KernelProfile[];
  /** By phase, in the order in which they first came; empty where nothing marked any. */
  phases(): PhaseProfile[];
  /**
   * One track of kernels, one of phases. It holds the first 100,000 calls; `otherData` says how many there were. A call
   * of several dispatches on WebGPU has as many events.
   */
  trace(): ChromeTrace;
  /** Drops what was measured so far and continues. */
  reset(): void;
  /** Waits for the device and ends the profile, which can still be read. */
  stop(): Promise<void>;
}

/** A part of a kernel call, ms on the clock of `performance.now()`. */
interface Span {
  readonly kernel: KernelName;
  readonly dims: Dims;
  readonly phase: string | undefined;
  readonly begin: number;
  readonly end: number;
}

const spansKept = 100_000;
/** Operations a byte below which a kernel waits for memory on any machine we know. */
const memoryBound = 4;

const marks = new WeakMap<Device, (phase: string) => void>();

/** Names the phase of the kernel calls from now on: 'backward', for example. Only a profile of the device reads it. */
export function markPhase(device: Device, phase: string): void {
  marks.get(device)?.(phase);
}

/**
 * Times every kernel call on a device: by the clock on WASM, by timestamp queries on WebGPU, where each call becomes a
 * compute pass of its own while the profile is taken, which costs some time. One profile a device at a time.
 * @example
 * const profile = startProfile(device);
 * await generate(model, prompts, { maxNewTokens: 20 });
 * await profile.stop();
 * console.table(profile.kernels());
 * @throws DeviceError on WebGPU without the feature 'timestamp-query'; OptionError for what is no device, and while another
 * profile of it is taken
 */
export function startProfile(device: Device): Profile {
  checkOption('startProfile', 'device', device, deviceOption);
  if (marks.has(device)) {
    throw new OptionError(
      `startProfile: a profile of ${device.info.description} is being taken already, expected none. Stop it first.`,
    );
  }
  const totals = new Map<KernelName, { calls: number; milliseconds: number; flops: number; bytes: number }>();
  const phases = new Map<string, number>();
  const spans: Span[] = [];
  let started = performance.now();
  let phase: string | undefined;
  let calls = 0;
  /** Calls from before `reset` may still report. */
  let round = 0;

  device.observe((kernel, call) => {
    let total = totals.get(kernel);
    if (!total) {
      total = { calls: 0, milliseconds: 0, flops: 0, bytes: 0 };
      totals.set(kernel, total);
    }
    const spec: KernelSpec = kernels[kernel];
    total.calls++;
    total.flops += spec.flops(call.dims, call.params as Params);
    total.bytes += bytesOf(kernel, call);
    const [own, ownPhase, ownRound, kept] = [total, phase, round, calls++ < spansKept];
    return (begin, end) => {
      if (ownRound !== round) return;
      own.milliseconds += end - begin;
      if (ownPhase !== undefined) phases.set(ownPhase, (phases.get(ownPhase) ?? 0) + end - begin);
      if (kept) spans.push({ kernel, dims: call.dims, phase: ownPhase, begin, end });
    };
  });
  const mark = (name: string) => {
    phase = name;
  };
  marks.set(device, mark);

  return {
    kernels: () =>
      [...totals]
        .map(([kernel, { calls, milliseconds, flops, bytes }]) => ({
          kernel,
          calls,
          milliseconds,
          gflopPerSecond: flops / milliseconds / 1e6,
          gbPerSecond: bytes / milliseconds / 1e6,
          bound: flops < memoryBound * bytes ? ('memory' as const) : ('compute' as const),
        }))
        .sort((a, b) => b.milliseconds - a.milliseconds),
    phases: () => [...phases].map(([name, milliseconds]) => ({ phase: name, milliseconds })),
    trace: () => chromeTrace(spans, { started, description: device.info.description, calls }),
    reset() {
      totals.clear();
      phases.clear();
      spans.length = 0;
      started = performance.now();
      calls = 0;
      round++;
    },
    async stop() {
      // Twice is harmless: by then there may be another profile.
      if (marks.get(device) === mark) {
        device.observe(undefined);
        marks.delete(device);
      }
      await device.finish();
    },
  };
}

/** Bytes that a call reads and writes when each element is transferred once. */
function bytesOf(kernel: KernelName, call: KernelCall): number {
  const spec: KernelSpec = kernels[kernel];
  const { dims } = call;
  const params = call.params as Params;
  if (spec.bytes) return spec.bytes(dims, params);
  const size = (operands: KernelSpec['in'] = {}) =>
    Object.values(operands).reduce(
      (total, operand) => total + bytesPerEntry(operandDType(operand)) * operandEntries(operand, dims),
      0,
    );
  const overwrites = params.accumulate === 0;
  return size(spec.in) + size(spec.inout) * (overwrites ? 1 : 2) + size(spec.out);
}

function chromeTrace(
  spans: readonly Span[],
  { started, description, calls }: { started: number; description: string; calls: number },
): ChromeTrace {
  const pid = 1;
  const tracks = { kernels: 1, phases: 2 } as const;
  const name = (what: string, tid: number, value: string): ChromeTraceEvent => ({
    name: what,
    ph: 'M',
    pid,
    tid,
    args: { name: value },
  });
  const stretch = (tid: number, { begin, end }: { begin: number; end: number }) =>
    ({ ph: 'X', pid, tid, ts: 1000 * (begin - started), dur: 1000 * (end - begin) }) as const;
  return {
    traceEvents: [
      name('process_name', 0, `distillm on ${description}`),
      name('thread_name', tracks.phases, 'phases'),
      name('thread_name', tracks.kernels, 'kernels'),
      ...phaseSpans(spans).map((span) => ({ name: span.phase, cat: 'phase', ...stretch(tracks.phases, span) })),
      ...spans.map((span) => ({
        name: span.kernel,
        cat: 'kernel',
        ...stretch(tracks.kernels, span),
        args: span.dims,
      })),
    ],
    displayTimeUnit: 'ms',
    otherData: { device: description, kernelCalls: calls, kernelCallsKept: Math.min(calls, spansKept) },
  };
}

/** Runs of kernels of one phase, from the begin of the first to the end of the last. */
function phaseSpans(spans: readonly Span[]): { phase: string; begin: number; end: number }[] {
  const runs: { phase: string; begin: number; end: number }[] = [];
  let current: string | undefined;
  for (const { phase, begin, end } of spans) {
    const last = runs.at(-1);
    if (last && phase === current) last.end = end;
    else if (phase !== undefined) runs.push({ phase, begin, end });
    current = phase;
  }
  return runs;
}
