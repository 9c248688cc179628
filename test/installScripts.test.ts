/** What npm runs when somebody installs the package: nothing of ours. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const read = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));

/** What npm runs for a package that is installed from a registry or a file; `prepare` is for checkouts and git. */
const atInstallation = [
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'postprepare',
  'dependencies',
];

it('the package has no install script, nor a file that npm takes for one', () => {
  const { scripts } = read('package.json');
  expect(Object.keys(scripts).filter((name) => atInstallation.includes(name))).toEqual([]);
  // npm would run node-gyp.
  expect(existsSync(at('binding.gyp'))).toBe(false);
});

it('nor has what it depends on, and its optional peer is installed only where it is asked for', () => {
  const { packages } = read('package-lock.json') as {
    packages: Readonly<
      Record<string, { readonly dev?: true; readonly hasInstallScript?: true; readonly optional?: true }>
    >;
  };
  const withScripts = Object.entries(packages).filter(
    ([path, { dev, hasInstallScript }]) => path && !dev && hasInstallScript,
  );
  expect(withScripts.map(([path]) => path)).toEqual([]);
  const { optionalDependencies, peerDependencies, peerDependenciesMeta } = read('package.json');
  expect({ optionalDependencies, ...peerDependenciesMeta }).toEqual({ webgpu: { optional: true } });
  expect(Object.keys(peerDependencies)).toEqual(['webgpu']);
  expect(readFileSync(at('SECURITY.md'), 'utf8')).toContain(
    'Nor has what it depends on. `webgpu` (Dawn), an optional peer',
  );
});

it('brings as many packages as SECURITY.md speaks of, each with a digest', () => {
  const { packages } = read('package-lock.json') as {
    packages: Readonly<
      Record<string, { readonly dev?: true; readonly devOptional?: true; readonly integrity?: string }>
    >;
  };
  const installed = Object.entries(packages).filter(([path, { dev, devOptional }]) => path && !dev && !devOptional);
  const text = readFileSync(at('SECURITY.md'), 'utf8');
  expect(text).toContain(`**Dependencies**: ${installed.length} packages come with an installation`);
  expect(installed.filter(([, { integrity }]) => !integrity)).toEqual([]);
  for (const name of Object.keys(read('package.json').dependencies)) expect(text).toContain(`\`${name}\``);
});
