import { Command } from 'commander';

/** A command with examples at the end of its help. */
export function command(name: string, description: string, examples: readonly string[]): Command {
  const text = examples.map((example) => `  $ postrider ${example}`).join('\n');
  return new Command(name).description(description).addHelpText('after', `\nExamples:\n${text}`);
}

/** A command on the HTTP API. */
export function remoteCommand(name: string, description: string, examples: readonly string[]): Command {
  return command(name, description, examples)
    .option('--url <url>', 'where the API is (POSTRIDER_URL; default http://127.0.0.1:8080)')
    .option('--key <key>', 'API key (POSTRIDER_API_KEY, else ADMIN_API_KEY, else that in DATA_DIR/keys.json)')
    .option('--json', 'print JSON');
}
