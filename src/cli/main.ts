#!/usr/bin/env node
import { exitCodes } from './exitCodes.js';
import { watchReaders } from './readers.js';
import { runCli } from './runCli.js';
import { processTerminal } from './terminal.js';

const outliveReaders = watchReaders(process, (how) => process.exit(how && exitCodes[how]));
process.exitCode = await runCli(process.argv.slice(2), { ...processTerminal, outliveReaders });
