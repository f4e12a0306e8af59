import { describe, expect, it } from 'vitest';
import { postrider } from './run.ts';

const COMMANDS = [
  'start',
  'api',
  'worker',
  'migrate',
  'reencrypt',
  'topology',
  'topology plan',
  'topology apply',
  'topology show',
  'keys',
  'keys create',
  'keys list',
  'keys revoke',
  'send',
  'listen',
  'dead-letters',
  'dead-letters list',
  'dead-letters show',
  'dead-letters redrive',
  'dead-letters discard',
  'recover',
  'doctor',
];

/** Waits for few at once: each is a process. */
async function inPairs<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const next = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await each(one);
  };
  await Promise.all([next(), next()]);
}

describe('the command line', () => {
  it('explains every command, with examples', async () => {
    await inPairs(COMMANDS, async (command) => {
      const { code, stdout } = await postrider([...command.split(' '), '--help']);
      expect(code, command).toBe(0);
      expect(stdout, command).toContain(`Usage: postrider ${command} `);
      expect(stdout, command).toMatch(new RegExp(`Examples:\n {2}\\$ postrider ${command}`));
    });
  });

  const FORWARD = ['--partner', 'a', '--forward'];
  const TO = { POSTRIDER_URL: 'http://127.0.0.1:9', POSTRIDER_API_KEY: 'key' };

  const WRONG: [args: string[], says: RegExp][] = [
    [['frob'], /unknown command 'frob'/],
    [['start', '--fast'], /unknown option '--fast' \(see postrider start --help\)/],
    [['send', '--partner', 'a'], /required option '--type <type>' not specified/],
    [['send', '--partner', 'a', '--type', 't', '--data', '1', '--file', 'f'], /--data and --file exclude each other/],
    [['keys', 'create', '--name', 'n', '--scope', 'god'], /Allowed choices are admin, publish, partner/],
    [['keys', 'create', '--name', 'n', '--scope', 'partner'], /needs --partner/],
    [['keys', 'create', '--name', 'n', '--scope', 'admin', '--expires', 'soon'], /a duration such as 2h, or a time/],
    [['recover', '--partner', 'a', '--subscription', 's', '--since', '2h', '--states', 'lost'], /must be of exhausted/],
    [['dead-letters', 'redrive'], /give ids, or --all/],
    [['topology', 'plan', '--lanes', 'bulk'], /The first lane must be live/],
    [['listen', ...FORWARD, 'localhost'], /--forward must be a URL/],
    [['listen', ...FORWARD, 'http://localhost', '--secret', 'x'], /--secret must be whsec_/],
    [['keys', 'list', '--url', 'ftp://x'], /it must be a URL such as/],
  ];

  it('says on one line what is wrong with its use, and exits with 2', async () => {
    await inPairs(WRONG, async ([args, says]) => {
      const { code, stdout, stderr } = await postrider(args, TO);
      expect({ code, stdout }, args.join(' ')).toEqual({ code: 2, stdout: '' });
      expect(stderr, args.join(' ')).toMatch(says);
      expect(stderr.trimEnd().split('\n'), args.join(' ')).toHaveLength(1);
    });
  });

  const FAILING: [args: string[], env: object, says: RegExp][] = [
    [['keys', 'list'], TO, /http:\/\/127.0.0.1:9 cannot be reached \(.+\): start Postrider, or set POSTRIDER_URL/],
    [['keys', 'list'], {}, /no API key: set POSTRIDER_API_KEY or --key/],
    [['send', '--partner', 'a', '--type', 't', '--data', '{'], TO, /the data is not JSON/],
    [['send', '--partner', 'a', '--type', 't', '--file', '/nonexistent'], TO, /cannot be read/],
    [['migrate'], {}, /DATABASE_URL is missing/],
    [['migrate'], { DATABASE_URL: 'postgresql://127.0.0.1:9/x' }, /not migrated: ECONNREFUSED/],
    [['reencrypt'], {}, /DATABASE_URL and ENCRYPTION_KEYS are needed/],
  ];

  it('says on one line what failed and what to change, and exits with 1', async () => {
    await inPairs(FAILING, async ([args, env, says]) => {
      const { code, stdout, stderr } = await postrider(args, { ...env });
      expect({ code, stdout }, args.join(' ')).toEqual({ code: 1, stdout: '' });
      expect(stderr, args.join(' ')).toMatch(says);
      expect(stderr.trimEnd().split('\n'), args.join(' ')).toHaveLength(1);
    });
  });

  it('lists every fault of the settings at once', async () => {
    const { code, stderr } = await postrider(['api'], { PORT: 'x', LOG_LEVEL: 'loud' });
    expect(code).toBe(1);
    for (const name of ['PORT', 'LOG_LEVEL', 'DATABASE_URL', 'ADMIN_API_KEY']) expect(stderr).toContain(name);
  });
});
