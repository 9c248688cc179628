/** The CLI from its arguments to its exit code. Errors become one line, in the words of the command line. */
import { Command, CommanderError } from 'commander';
import * as report from '../entries/report.js';
import * as api from '../index.js';
import { DistillmError, OptionError } from '../index.js';
import { version } from '../version.js';
import { type CommandFactory, optionsFromFile } from './command.js';
import { cacheTeacherCommand } from './commands/cacheTeacher.js';
import { chat } from './commands/chat.js';
import { data } from './commands/data.js';
import { doctor } from './commands/doctor.js';
import { evaluate } from './commands/eval.js';
import { experimentOf } from './commands/experiment.js';
import { generateAnswers } from './commands/generate.js';
import { init } from './commands/init.js';
import { inspect } from './commands/inspect.js';
import { merge } from './commands/merge.js';
import { plot } from './commands/plot.js';
import { tokenizer } from './commands/tokenizer.js';
import { train } from './commands/train.js';
import { optionsCalled, runChoices, runFlags } from './commands/trainOptions.js';
import { verify } from './commands/verify.js';
import { spellFields } from './data.js';
import { type ExitCode, exitCodes } from './exitCodes.js';
import { flagOf, spellFlags } from './options.js';
import { shownOn, type Terminal, wrapped } from './terminal.js';
import { usageMessage } from './usage.js';

/** Those that an experiment may be made of. */
const alone: readonly CommandFactory[] = [
  train,
  cacheTeacherCommand,
  generateAnswers,
  chat,
  evaluate,
  data,
  inspect,
  init,
  merge,
  plot,
  tokenizer,
  doctor,
  verify,
];
const commands: readonly CommandFactory[] = [...alone, experimentOf({ commands: alone, run: runCli })];

/**
 * Finds the command, parses its options and runs it.
 * @param args what follows the program's name
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: ExitCode = exitCodes.done;
  const program = new Command('distillm')
    .description('Distils large language models into small ones, on the CPU or a GPU.')
    .version(version, '-v, --version', 'print the version')
    .exitOverride()
    // What is wrong is said below, once for all errors.
    .allowExcessArguments()
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: () => {},
    })
    .addHelpText(
      'after',
      `\nExit codes: ${exitCodes.done} done, ${exitCodes.failed} failed, ${exitCodes.usage} wrong usage, ` +
        `${exitCodes.hungUp} terminal closed (and saved), ${exitCodes.interrupted} interrupted (and saved).\n` +
        `Each command has its own help with an example: ${terminal.program} train --help`,
    );
  for (const make of commands) {
    const command = make(terminal, (result) => {
      code = result;
    });
    program.addCommand(command.copyInheritedSettings(program));
  }
  const command = program.commands.find((each) => each.name() === args[0]);
  const say = (message: string) => terminal.stderr.write(`${wrapped(`distillm: ${message}`, terminal.stderr)}\n`);
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return exitCodes.usage;
    }
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // The help or the version that was asked for.
      if (error.exitCode === 0) return exitCodes.done;
      const called = { command, program: terminal.program, main: program };
      say(shownOn(terminal.stderr, usageMessage(error, called, optionsCalled)));
      return exitCodes.usage;
    }
    const flags = new Map((command?.options ?? []).map((option) => [option.attributeName(), option.attributeName()]));
    flags.set('wasm.threads', 'threads');
    if (flags.has('data')) flags.set('data.train', 'data');
    // Only train has the options of a run.
    if (args[0] === 'train') for (const [name, flag] of runFlags) flags.set(name, flag);
    say(shownOn(terminal.stderr, command ? withFile(messageOf(error, flags), command) : messageOf(error, flags)));
    return error instanceof OptionError ? exitCodes.usage : exitCodes.failed;
  }
}

/** Says of options whose values a file has that they are from there: "--alpha (in run.json) is 2". Once of each. */
function withFile(message: string, command: Command): string {
  const { config } = command.opts<{ config?: string }>();
  return optionsFromFile(command).reduce(
    (told, name) =>
      told.replace(new RegExp(`(?<![\\w-])${flagOf(name)}(?![\\w-])`), (flag) => `${flag} (in ${config})`),
    message,
  );
}

/**
 * Functions of the API, by which their refusals begin. Nobody called them here. The names of losses and policies, which
 * are values of flags, stay.
 */
const functions = Object.entries({ ...api, ...report })
  .filter(([, value]) => typeof value === 'function' && !('kind' in value))
  .map(([name]) => name);
const callee = new RegExp(
  `^(?:training|schedule|AdamW|createSampler|createReplayBuffer|openWasm|openWebGPU|verifyDevice|${functions.join('|')}): `,
);

/** One line; the stack of what we did not foresee only when it is asked for. `flags`: as `spellFlags` takes them. */
function messageOf(error: unknown, flags: ReadonlyMap<string, string>): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof DistillmError)
    return spellFlags(spellFields(error.message.replace(callee, '')), flags, runChoices);
  if (process.env.DISTILLM_DEBUG) return error.stack ?? error.message;
  return `${error.message} (DISTILLM_DEBUG=1 shows where)`;
}
