import { describe, expect, it } from 'vitest';
import { calledAs, shellWord, shownOn } from '../../src/cli/terminal.js';

describe('lines that can be typed again', () => {
  it.each([
    ['/home/me/project/node_modules/.bin/distillm', { npm_command: 'exec' }, 'npx distillm'],
    ['/home/me/.npm/_npx/1/node_modules/.bin/distillm', { npm_command: 'exec' }, 'npx distillm'],
    ['/home/me/project/node_modules/.bin/distillm', {}, 'npx distillm'],
    ['C:\\me\\project\\node_modules\\distillm\\dist\\cli.js', {}, 'npx distillm'],
    ['/usr/local/bin/distillm', {}, 'distillm'],
    [`${process.cwd()}/dist/cli.js`, {}, 'node dist/cli.js'],
    [`${process.cwd()}/dist/cli.js`, { npm_command: 'test' }, 'node dist/cli.js'],
    [`${process.cwd()}/dist/cli.js`, { npm_command: 'exec' }, 'npx distillm'],
    [`${process.cwd()}/src/cli/main.ts`, {}, 'node src/cli/main.ts'],
    ['/me/node_modules/.bin/distillm', { npm_config_user_agent: 'pnpm/9.1.0 npm/? node/v24' }, 'pnpm exec distillm'],
    ['/me/node_modules/.bin/distillm', { npm_config_user_agent: 'yarn/4.0.0 npm/? node/v24' }, 'yarn distillm'],
    ['/me/node_modules/.bin/distillm', { npm_config_user_agent: 'bun/1.2.0 npm/? node/v24' }, 'bunx distillm'],
    ['/me/node_modules/.bin/distillm', { npm_config_user_agent: 'npm/11.0.0 node/v24' }, 'npx distillm'],
    ['/opt/my tools/cli.js', {}, 'node "/opt/my tools/cli.js"'],
  ])('%s in %j is called as %s', (script, environment, program) => {
    expect(calledAs(script, environment)).toBe(program);
  });

  it.each([
    ['runs/dolly/best', 'linux', 'runs/dolly/best'],
    ['my runs/best', 'linux', '"my runs/best"'],
    ["it's/best", 'linux', '"it\'s/best"'],
    ['a $HOME/best', 'linux', "'a $HOME/best'"],
    ["a 'b' `c`", 'linux', "'a '\\''b'\\'' `c`'"],
    ['', 'linux', '""'],
    ['C:\\runs\\best', 'win32', 'C:\\runs\\best'],
    ['C:\\my runs\\best', 'win32', '"C:\\my runs\\best"'],
  ])('%j on %s is %s', (word, platform, shown) => expect(shellWord(word, platform)).toBe(shown));
});

describe('text of a model or a file', () => {
  it('has pictures of control characters on a terminal, but for line ends and tabs', () => {
    const text = 'a\x1b[31mred\x07\r\n\tb\x00\x7f\x9b2J \u00e9\u{1f600}';
    expect(shownOn({ isTTY: true }, text)).toBe('a\u241b[31mred\u2407\u240d\n\tb\u2400\u2421\ufffd2J \u00e9\u{1f600}');
    for (const stream of [{}, { isTTY: false }]) expect(shownOn(stream, text)).toBe(text);
  });
});
