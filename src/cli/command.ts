/**
 * A command of the CLI as data: name, help, options, and the function that does the work. A new command is a file in
 * commands/ that calls `defineCommand`, and its line in runCli.ts.
 */
import { Command } from 'commander';
import type { ExitCode } from './exitCodes.js';
import { addOptions, type OptionTable, type Values } from './options.js';
import type { Terminal } from './terminal.js';

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
  run(options: GroupValues<Groups>, terminal: Terminal, words: readonly string[]): Promise<ExitCode>;
}

type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;
type GroupValues<Groups extends Readonly<Record<string, OptionTable>>> = Values<
  Intersection<Groups[keyof Groups]> extends infer Table extends OptionTable ? Table : never
>;

/** What `runCli` needs: a commander command that hands its exit code to `done`. */
export type CommandFactory = (terminal: Terminal, done: (code: ExitCode) => void) => Command;

export const defineCommand =
  <Groups extends Readonly<Record<string, OptionTable>>>(spec: CommandSpec<Groups>): CommandFactory =>
  (terminal, done) => {
    const command = new Command(spec.name).summary(spec.summary).description(spec.description);
    for (const [heading, table] of Object.entries(spec.options)) addOptions(command, `${heading}:`, table);
    const example = spec.example.replace(/(?<=^|\| )distillm /gm, `${terminal.program} `);
    command.addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`);
    const run = async (words: readonly string[]) =>
      done(await spec.run(command.opts() as GroupValues<Groups>, terminal, words));
    if (spec.words) command.argument(spec.words).action((words: string[]) => run(words));
    else command.action(() => run([]));
    return command;
  };
