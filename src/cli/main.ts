#!/usr/bin/env node
import { runCli } from './runCli.js';
import { processTerminal } from './terminal.js';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
process.exitCode = await runCli(process.argv.slice(2), processTerminal);
