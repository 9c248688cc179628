#!/usr/bin/env node
import { systemReason } from '../systemReason.js';
import { exitCodes } from './exitCodes.js';
import { runCli } from './runCli.js';
import { processTerminal } from './terminal.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no failure.
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(`distillm: the output cannot be written: ${systemReason(error)}\n`);
  process.exit(exitCodes.failed);
});
process.exitCode = await runCli(process.argv.slice(2), processTerminal);
