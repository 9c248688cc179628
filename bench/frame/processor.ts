/**
 * Which kind of processor measures. Results of one kind say nothing of another: vectors of 512, 256 and 128 bits, and
 * old and new cores of one maker, differ by more than what is compared.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export interface Processor {
  /** As the system calls it: "AMD EPYC". On x86 Linux with what tells its generation: "AMD EPYC (family 25, model 17)". */
  readonly name: string;
  /** The instruction sets of its vectors and how wide they are: "AVX-512, 512 bits". */
  readonly vectors: string;
}

/** By the flags of /proc/cpuinfo, the widest first. ARM has asimd, which is NEON. */
const sets: readonly (readonly [flag: string, vectors: string])[] = [
  ['avx512f', 'AVX-512, 512 bits'],
  ['avx2', 'AVX2, 256 bits'],
  ['sse4_1', 'SSE4.1, 128 bits'],
  ['asimd', 'NEON, 128 bits'],
];

/** @param cpuinfo Linux's /proc/cpuinfo; what this system has by default */
export function describeProcessor(cpuinfo = readCpuinfo()): Processor {
  const field = (name: string) => cpuinfo.match(new RegExp(`^${name}\\s*: (.*)$`, 'm'))?.[1]?.trim();
  const flags = new Set((field('flags') ?? field('Features') ?? '').split(' '));
  const model = field('model name') ?? cpus()[0]?.model.trim();
  const generation = field('cpu family') ? ` (family ${field('cpu family')}, model ${field('model')})` : '';
  const known = sets.find(([flag]) => flags.has(flag))?.[1];
  return {
    name: `${model || 'unknown processor'}${generation}`,
    vectors: known ?? (process.arch === 'arm64' ? 'NEON, 128 bits' : 'width unknown'),
  };
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return ''; // other systems
  }
}

/** Names the folder of a kind's results: "amd-epyc-family-25-model-17-avx-512". */
export const kindOf = ({ name, vectors }: Processor): string =>
  `${name} ${vectors.split(',')[0]}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
