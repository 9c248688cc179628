// Before a version is published: whether its tag is the version of package.json, and CHANGELOG.md has a section of it.
//   node scripts/check-release.mjs v1.2.3
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const [tag = ''] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const sections = [...readFileSync('CHANGELOG.md', 'utf8').matchAll(/^## (\S+)/gm)].map(([, name]) => name);
const faults = [
  ...(tag === `v${version}`
    ? []
    : [`the tag is '${tag}', and package.json has version ${version}: expected v${version}`]),
  ...(sections.includes(version)
    ? []
    : [`CHANGELOG.md has sections ${sections.join(', ')}, expected one of ${version}`]),
];
for (const fault of faults) console.error(`check-release: ${fault}.`);
process.exitCode = faults.length > 0 ? 1 : 0;
