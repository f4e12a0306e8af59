import { type Command, Option } from 'commander';
import { type Config, ConfigError, type Role, readConfig } from '../config.ts';
import type { RemoteOptions } from './client.ts';
import { remoteCommand } from './command.ts';
import { error, type Finding, MARKS, ok } from './doctor/finding.ts';
import { FAILURE } from './errors.ts';
import { printJson } from './output.ts';

interface DoctorOptions extends RemoteOptions {
  readonly role: Role;
}

export function doctorCommand(): Command {
  return remoteCommand('doctor', 'look at settings, database, SNS/SQS and API, and say what to change', [
    'doctor',
    'doctor --role worker',
    'doctor --url https://postrider.example.com --key postrider_…',
  ])
    .addOption(new Option('--role <role>', 'whose settings').choices(['all', 'api', 'worker']).default('all'))
    .action(doctor);
}

/** Reads only: no message is received, nothing is written. */
async function doctor(options: DoctorOptions): Promise<void> {
  const { config, findings } = checkSettings(options.role);
  for (const finding of findings) say(finding, options);
  const { checkApi, checkBus, checkDatabase, checkEgress } = await import('./doctor/checks.ts');
  const checks = config ? [checkDatabase, checkBus, checkEgress] : [];
  for (const check of checks) {
    const found = await check(config as Config);
    for (const finding of found) say(finding, options);
    findings.push(...found);
  }
  const ofApi = options.url || process.env.POSTRIDER_URL ? await checkApi(options) : [];
  for (const finding of ofApi) say(finding, options);
  findings.push(...ofApi);
  if (options.json) printJson(findings);
  if (findings.some(({ level }) => level === 'error')) process.exitCode = FAILURE;
}

function say({ level, part, detail }: Finding, { json }: DoctorOptions): void {
  if (!json) console.log(`${MARKS[level]} ${part}: ${detail}`);
}

function checkSettings(role: Role): { config: Config | null; findings: Finding[] } {
  try {
    const config = readConfig(process.env, role);
    return { config, findings: [ok('settings', `complete for role ${role}`)] };
  } catch (faulty) {
    if (!(faulty instanceof ConfigError)) throw faulty;
    const faults = faulty.faults.map((fault) => error('settings', fault));
    const rest: Finding = { level: 'warning', part: 'settings', detail: 'the rest is looked at once they are right' };
    return { config: null, findings: [...faults, rest] };
  }
}
