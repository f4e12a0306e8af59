import { parseOrUndefined } from './topology-wanted.ts';

interface Statement {
  Effect?: string;
  Principal?: string | Record<string, string | string[]>;
  Action?: string | string[];
  Resource?: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/**
 * Whether a queue's policy, whoever wrote it, lets a topic send. Conditions other than on `aws:SourceArn` are taken as met: only
 * AWS can judge them.
 */
export function allowsSending(
  policy: string | undefined,
  { topicArn, queueArn }: { topicArn: string; queueArn: string },
) {
  const { Statement: statements = [] } = (parseOrUndefined(policy ?? '') ?? {}) as {
    Statement?: Statement | Statement[];
  };
  return [statements]
    .flat()
    .some(
      ({ Effect, Principal, Action, Resource, Condition }) =>
        Effect === 'Allow' &&
        isSns(Principal) &&
        [Action].flat().some((action) => /^(\*|sqs:(\*|send\*|sendmessage))$/i.test(action ?? '')) &&
        (Resource === undefined || matches(Resource, queueArn)) &&
        sourcesOf(Condition).every((source) => matches(source, topicArn)),
    );
}

function isSns(principal: Statement['Principal']): boolean {
  if (principal === '*') return true;
  if (typeof principal !== 'object') return false;
  return [principal.Service, principal.AWS].flat().some((who) => who === 'sns.amazonaws.com' || who === '*');
}

/** The patterns that a message's source must match, one list for each operator. */
function sourcesOf(condition: Statement['Condition'] = {}): (string | string[])[] {
  const named = Object.values(condition).flatMap((keys) => Object.entries(keys));
  return named.filter(([key]) => key.toLowerCase() === 'aws:sourcearn').map(([, patterns]) => patterns);
}

/** `*` and `?` stand for any text and any character. */
function matches(patterns: string | string[], arn: string): boolean {
  return [patterns].flat().some((pattern) => {
    const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(arn);
  });
}
