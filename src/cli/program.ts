import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import type { TransportError } from '../pubsub/index.ts';
import { version } from '../version.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { doctorCommand } from './doctor.ts';
import { CliError, FAILURE, USAGE } from './errors.ts';
import { keysCommand } from './keys.ts';
import { listenCommand } from './listen.ts';
import { recoverCommand } from './recover.ts';
import { runCommands } from './run.ts';
import { sendCommand } from './send.ts';
import { topologyCommand } from './topology.ts';

const DESCRIPTION = `Webhook delivery on Amazon SNS and SQS: signed, retried, and every attempt on record.

Settings come from the environment, e.g. node --env-file=.env; exit codes are 0 (done), 1 (failed), 2 (wrong usage).`;

const EXAMPLES = `
Examples:
  $ postrider start                        the whole service on this machine, with nothing else installed
  $ postrider doctor                       what is wrong with the settings, and what to change
  $ postrider listen --partner acme --forward http://localhost:3000/hooks`;

/** They have work to put in order before they end. */
const SERVICES = new Set(['start', 'api', 'worker']);

function createProgram(): Command {
  const program = new Command('postrider').description(DESCRIPTION).version(version).addHelpText('after', EXAMPLES);
  for (const one of runCommands()) program.addCommand(one);
  for (const make of [
    topologyCommand,
    keysCommand,
    sendCommand,
    listenCommand,
    deadLettersCommand,
    recoverCommand,
    doctorCommand,
  ]) {
    program.addCommand(make());
  }
  return speakPlainly(program);
}

/** Errors on one line, thrown rather than ending the process, in every command below as well. */
function speakPlainly(command: Command, path = command.name()): Command {
  const outputError = (text: string, write: (text: string) => void) =>
    write(
      `postrider: ${text
        .trim()
        .replace(/^error: /, '')
        .replaceAll('\n', ' ')} (see ${path} --help)\n`,
    );
  command.exitOverride().configureOutput({ outputError });
  for (const each of command.commands) speakPlainly(each, `${path} ${each.name()}`);
  return command;
}

/** Runs the command line; the exit code is set, not forced: what the command has started may go on. */
export async function run(argv: readonly string[]): Promise<void> {
  if (!SERVICES.has(argv[2] ?? '')) process.stdout.on('error', leaveWithReader);
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Whoever reads has read enough (`postrider … | head`). */
function leaveWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE; // it has said why
  const [exitCode, text] = explain(error);
  console.error(text);
  return exitCode;
}

function explain(error: unknown): [exitCode: number, text: string] {
  if (error instanceof CliError) return [error.exitCode, `postrider: ${error.message}`];
  if (error instanceof ConfigError) return [FAILURE, `postrider: ${error.message}`];
  if (isTransportError(error)) return [FAILURE, `postrider: SNS or SQS: ${error.message}${advice(error)}`];
  return [FAILURE, error instanceof Error ? `postrider: ${error.stack}` : String(error)]; // a bug
}

/** By its name: its class comes with the AWS SDK, which most commands do without. */
const isTransportError = (error: unknown): error is TransportError =>
  error instanceof Error && error.name === 'TransportError';

function advice({ code }: TransportError): string {
  if (/Credential/.test(code)) return ': set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role';
  if (/^E[A-Z]+$/.test(code)) return ': set AWS_REGION, and AWS_ENDPOINT_URL for an emulator';
  return '';
}
