import { describe, expect, it } from 'vitest';
import { calledAs, shellWord } from '../../src/cli/terminal.js';

describe('lines that can be typed again', () => {
  it.each([
    ['/home/me/project/node_modules/.bin/distillm', { npm_command: 'exec' }, 'npx distillm'],
    ['/home/me/.npm/_npx/1/node_modules/.bin/distillm', { npm_command: 'exec' }, 'npx distillm'],
    ['/home/me/project/node_modules/.bin/distillm', {}, 'npx distillm'],
    ['C:\\me\\project\\node_modules\\distillm\\dist\\cli.js', {}, 'npx distillm'],
    ['/usr/local/bin/distillm', {}, 'distillm'],
    [`${process.cwd()}/dist/cli.js`, {}, 'node dist/cli.js'],
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
