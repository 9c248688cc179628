// The import order of the folders of src: each layer lists the layers it must not know.
const order = [
  'hardware',
  'backend',
  'tensor',
  'models|optim',
  'generation',
  'distill',
  'report',
  'experiments',
  'testing',
  'worker|cli',
];
// bench: what all topics stand on, the topics, the lists of them in bench itself, then what runs the lists.
const benchOrder = [
  ['frame', 'frame/'],
  ['topics', '(gemm|attention|divergence|linear-divergence|training-step|gpu-time|decode|tokenizer)/'],
  ['lists', '(peers/)?[^/]+\\.ts$'],
  ['runner', 'runner/'],
  ['page', 'page/'],
  ['pack', 'pack/'],
];
const leaves = 'text|data|metrics|judge|io|checkpoints|settings';

module.exports = {
  forbidden: [
    ...order.slice(0, -1).map((layer, index) => ({
      name: `${layer}-imports-upward`,
      severity: 'error',
      from: { path: `^src/(${layer})/` },
      to: { path: `^src/(${order.slice(index + 1).join('|')})/` },
    })),
    {
      name: 'core-imports-leaf',
      comment:
        'text, data, metrics, io and checkpoints serve models, generation and distill; the layers below do not know them, ' +
        'but all functions that take options check them by the schemas of settings',
      severity: 'error',
      from: { path: '^src/(hardware|backend|tensor)/' },
      to: { path: `^src/(${leaves})/`, pathNot: '^src/settings/' },
    },
    {
      name: 'leaf-imports-core',
      severity: 'error',
      from: { path: `^src/(${leaves})/` },
      to: { path: `^src/(${order.join('|')})/` },
    },
    {
      name: 'random-is-a-leaf',
      comment: 'everything that draws may import it; of the rest it knows the AssemblyScript generator alone',
      severity: 'error',
      from: { path: '^src/random\\.ts$' },
      to: { path: '^src/', pathNot: '^src/text/rng\\.ts$' },
    },
    {
      name: 'one-place-for-random-numbers',
      comment: 'numbers of a run are functions of (seed, purpose, index), which src/random.ts makes',
      severity: 'error',
      from: { path: '^src/(models|optim|generation|distill)/' },
      to: { path: '^src/text/rng\\.ts$' },
    },
    {
      name: 'io-imports-platform',
      comment: 'platform chooses among the stores of io, and io knows no platform',
      severity: 'error',
      from: { path: '^src/io/' },
      to: { path: '^src/platform/' },
    },
    {
      name: 'node-only-in-platform-and-cli',
      comment: 'the core runs in browsers',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(platform/node/|cli/)' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'cli-behind-the-api',
      comment:
        'what the command line can do, users of the package can do: it has the entries, the tables of options, and the words of refusals',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: {
        path: '^src/',
        pathNot:
          '^src/(cli|entries|settings|experiments|distill/(losses|sgo)|index\\.ts|errors\\.ts|systemReason\\.ts|requireOption\\.ts|random\\.ts|version\\.ts|inWords\\.ts|text/noTokenizer\\.ts|distill/settings\\.ts|models/lora/options\\.ts|distill/teacherCache/options\\.ts|text/sampler\\.ts)',
      },
    },
    ...benchOrder.slice(0, -1).map(([name, layer], index) => ({
      name: `bench-${name}-imports-upward`,
      severity: 'error',
      from: { path: `^bench/${layer}` },
      to: {
        path: `^bench/(${benchOrder
          .slice(index + 1)
          .map(([, above]) => above)
          .join('|')})`,
      },
    })),
    {
      name: 'bench-imports-inside',
      comment: 'what is measured is the built package, through its entries',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^src/.*/', pathNot: '^src/entries/' },
    },
    {
      name: 'src-imports-bench',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(bench|test|scripts|examples)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^bench/(peers/)?node_modules/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
