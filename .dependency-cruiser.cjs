// The import order of the folders of src: each layer lists the layers it must not know.
const order = ['hardware', 'backend', 'tensor', 'models|optim', 'generation', 'distill', 'worker|cli'];
const leaves = 'text|data|metrics|io';

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
      comment: 'text, data, metrics and io serve models, generation and distill; the layers below do not know them',
      severity: 'error',
      from: { path: '^src/(hardware|backend|tensor)/' },
      to: { path: `^src/(${leaves})/` },
    },
    {
      name: 'leaf-imports-core',
      severity: 'error',
      from: { path: `^src/(${leaves})/` },
      to: { path: `^src/(${order.join('|')})/` },
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
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
