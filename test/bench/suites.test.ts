import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { benchmarks } from '../../bench/benchmarks.ts';
import { loadPeer, peersOf } from '../../bench/peers.ts';
import { suites } from '../../bench/suites.ts';

const variants = suites.flatMap(({ name, variants }) => variants.map((variant) => ({ suite: name, ...variant })));
const after = (args: readonly string[] = [], name: string) => args[args.indexOf(name) + 1] ?? '';

it.each(variants)('$suite: $name names a script, a benchmark and a peer that exist', ({ script, args = [] }) => {
  expect(existsSync(fileURLToPath(new URL(`../../bench/${script}`, import.meta.url)))).toBe(true);
  if (script.endsWith('.py')) return;
  expect(Object.keys(benchmarks)).toContain(after(args, '--benchmark'));
  if (!args.includes('--peer')) return;
  const place = script.startsWith('page/') ? 'page' : 'node';
  expect(peersOf(after(args, '--benchmark') as keyof typeof benchmarks, place)).toContain(after(args, '--peer'));
});

it('a peer that does not run in a place is refused there, by name', () => {
  expect(() => loadPeer('tokenizer', 'tiktoken', 'page')).toThrow(
    "page: 'tiktoken' has no benchmark 'tokenizer'. There are: gemm onnxruntime-web,",
  );
});
