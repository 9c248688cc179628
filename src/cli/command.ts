/**
 * A command of the CLI as data: name, help, options, and the function that does the work. A new command is a file in
 * commands/ that calls `defineCommand`, and its line in runCli.ts.
 */
import { Command } from 'commander';
import { OptionError } from '../index.js';
import type { ExitCode } from './exitCodes.js';
import { addOptions, flagOf, type OptionTable, type Values } from './options.js';
import { checkRules, type Given, type Rule } from './rules.js';
import { shellWord, type Terminal } from './terminal.js';

/** A command: what its help says, its options, and what it does. */
interface CommandSpec<Groups extends Readonly<Record<string, OptionTable>>> {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** Shell lines that work as they stand once the files are there; `distillm` becomes what the program was called as. */
  readonly example: string;
  /** Arguments after the options: `[prompts...]`. */
  readonly words?: string;
  /** Options by their heading in the help. */
  readonly options: Groups;
  /** What options must not contradict. Looked at before any file is. */
  readonly rules?: readonly Rule[];
  /** Values of options that were not typed, for commands that take them from a file too. */
  fromFile?(
    typed: Partial<GroupValues<Groups>>,
    table: OptionTable,
    terminal: Terminal,
  ): Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>;
  run(options: GroupValues<Groups>, terminal: Terminal, words: readonly string[]): Promise<ExitCode>;
}

type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;
type GroupValues<Groups extends Readonly<Record<string, OptionTable>>> = Values<
  Intersection<Groups[keyof Groups]> extends infer Table extends OptionTable ? Table : never
>;

/** What must be known of a command to call it with options that a file has. */
export interface CommandFacts {
  readonly name: string;
  readonly table: OptionTable;
  readonly rules: readonly Rule[];
}

/** What `runCli` needs: a commander command that hands its exit code to `done`. */
export interface CommandFactory {
  (terminal: Terminal, done: (code: ExitCode) => void): Command;
  readonly facts: CommandFacts;
}

export function defineCommand<Groups extends Readonly<Record<string, OptionTable>>>(
  spec: CommandSpec<Groups>,
): CommandFactory {
  const table: OptionTable = Object.assign({}, ...Object.values(spec.options));
  const make = (terminal: Terminal, done: (code: ExitCode) => void) => {
    const command = new Command(spec.name).summary(spec.summary).description(spec.description);
    for (const [heading, table] of Object.entries(spec.options)) addOptions(command, `${heading}:`, table);
    const example = spec.example.replace(/(?<=^|\| )distillm /gm, `${terminal.program} `);
    command.addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`);
    if (spec.words) command.argument(spec.words);
    return command.action(async () => {
      if (!spec.words) refuseWords(command, typedOptions(command));
      const fromFile = await spec.fromFile?.(typedOptions(command), table, terminal);
      for (const [name, value] of Object.entries(fromFile ?? {})) {
        command.setOptionValueWithSource(name, value, fileSource);
      }
      requireOptions(command, table, terminal);
      checkRules(spec.rules ?? [], givenOptions(command), command.args);
      done(await spec.run(command.opts() as GroupValues<Groups>, terminal, command.args));
    });
  };
  return Object.assign(make, { facts: { name: spec.name, table, rules: spec.rules ?? [] } });
}

/** What commander calls the source of a value that a file has. */
const fileSource = 'config';

/** Names of the options whose values a file has. */
export const optionsFromFile = (command: Command): string[] =>
  Object.keys(command.opts()).filter((name) => command.getOptionValueSource(name) === fileSource);

/** Options that were typed: no defaults. */
const typedOptions = <Options>(command: Command): Options =>
  Object.fromEntries(
    Object.entries(command.opts()).filter(([name]) => command.getOptionValueSource(name) === 'cli'),
  ) as Options;

/** Options without those that have their default. */
const givenOptions = (command: Command): Given =>
  Object.fromEntries(
    Object.entries(command.opts()).filter(
      ([name, value]) => value !== false && ['cli', fileSource].includes(command.getOptionValueSource(name) ?? ''),
    ),
  );

/** @throws OptionError for words that belong to no option: numbers after an option whose numbers have commas between, too */
function refuseWords(command: Command, typed: Given): void {
  const [word] = command.args;
  if (word === undefined) return;
  const isNumber = (text: string) => /^\d[\d,]*$/.test(text);
  const isList = (value: unknown) => Array.isArray(value) && value.every(Number.isFinite);
  const [name, value] = Object.entries(typed).find((entry) => isNumber(word) && isList(entry[1])) ?? [];
  if (name !== undefined) {
    const list = [value, ...command.args.filter(isNumber)].join(',');
    throw new OptionError(
      `${flagOf(name)} takes numbers with commas between them, and ${word} stands alone: did you mean ${flagOf(name)} ${list}?`,
      { found: word },
    );
  }
  throw new OptionError(
    `${command.name()} takes options only, and ${shellWord(word)} belongs to none. Leave it out, or put the name of its option before it.`,
    { found: word },
  );
}

/** @throws OptionError naming all that are missing */
function requireOptions(command: Command, table: OptionTable, { program }: Terminal): void {
  const missing = Object.entries(table).filter(
    ([name, { required, unless }]) =>
      required &&
      command.getOptionValue(name) === undefined &&
      (unless === undefined || !command.getOptionValue(unless)),
  );
  if (missing.length === 0) return;
  const flags = missing.map(([name, { argument }]) => `${flagOf(name)} ${argument}`);
  throw new OptionError(
    `${command.name()} needs ${flags.join(' and ')}. What ${flags.length > 1 ? 'they are' : 'it is'}: ${program} ${command.name()} --help`,
  );
}
