/** What commander finds wrong with a command line, in the words of our own refusals. */
import type { Command, CommanderError } from 'commander';
import { didYouMean, nearest } from '../requireOption.js';
import { flagOf, meantOptions } from './options.js';
import { shellWord } from './terminal.js';

/**
 * One sentence or two: what is wrong, and what to type.
 * @param command the one that was called; undefined where there is no such command
 * @param program how it was called: 'npx distillm'
 * @param optionsCalled options of a run by another name of theirs
 */
export function usageMessage(
  { code, message }: CommanderError,
  {
    command,
    program,
    main,
  }: { readonly command: Command | undefined; readonly program: string; readonly main: Command },
  optionsCalled: (written: string) => readonly string[],
): string {
  // Commander quotes the word that is wrong, and this is all that its messages are read for.
  const [, word = ''] = /'(.*)'/s.exec(message) ?? [];
  const help = `${program} ${command ? `${command.name()} ` : ''}--help`;
  if (code === 'commander.unknownCommand') {
    const names = main.commands.map((each) => each.name());
    const advice = didYouMean(word, names);
    return `there is no command ${shellWord(word)}, expected one of ${names.join(', ')}.${advice && ` ${advice}`}`;
  }
  if (code === 'commander.optionMissingArgument') return `${word} has no value. What it takes: ${help}`;
  if (code === 'commander.missingArgument') return `${command?.name()} needs <${word}>. What it takes: ${help}`;
  if (code !== 'commander.unknownOption') return message.replace(/^error: /, '');
  return unknownOption(word, { command: command ?? main, help, optionsCalled });
}

function unknownOption(
  word: string,
  {
    command,
    help,
    optionsCalled,
  }: {
    readonly command: Command;
    readonly help: string;
    readonly optionsCalled: (written: string) => readonly string[];
  },
): string {
  const shown = command.options.filter(({ long, hidden }) => long && !hidden);
  const names = shown.map((option) => option.attributeName());
  const [written = ''] = word.split('=');
  // As the API spells it: --batchSize, --learningRate.
  const flag = written.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const called = optionsCalled(flag).filter((option) => names.includes(option));
  const meant = meantOptions(flag.replace(/^--/, ''), names, called).map(flagOf);
  const flags = shown.map(({ long }) => long as string);
  // No flag has a space in it.
  const near = /\s/.test(flag) ? undefined : nearest(flag, [...flags, '--help']);
  const what = `${command.name()} has no option ${shellWord(word)}.`;
  if (meant.length > 0) return `${what} Did you mean ${meant.join(' or ')}?`;
  if (near !== undefined) return `${what} Did you mean ${near}?`;
  const { registeredArguments: words } = command;
  if (words.length === 0) return `${what} What it has: ${help}`;
  const begun = help.replace(/ --help$/, '');
  return `${what} What it has: ${help}. A word that begins with a dash goes after --, as in: ${begun} ... -- ${shellWord(word)}`;
}
