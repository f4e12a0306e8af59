import { describe, expect, it } from 'vitest';
import { allowsSending } from './send-policy.ts';

const topicArn = 'arn:aws:sns:eu-west-1:1:postrider-events';
const queueArn = 'arn:aws:sqs:eu-west-1:1:postrider-events-live';

const statement = {
  Effect: 'Allow',
  Principal: { Service: 'sns.amazonaws.com' },
  Action: 'sqs:SendMessage',
  Resource: queueArn,
  Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
};
const allows = (change: object) =>
  allowsSending(JSON.stringify({ Statement: [{ ...statement, ...change }] }), { topicArn, queueArn });

describe('allowsSending', () => {
  it.each([
    ['as postrider writes it', {}],
    ['for everybody', { Principal: '*' }],
    [
      'with lists and wildcards',
      {
        Action: ['SQS:SendMessage', 'sqs:x'],
        Condition: { ArnLike: { 'AWS:SourceArn': ['arn:aws:sns:*:1:postrider-*'] } },
      },
    ],
    ['without conditions or resource', { Condition: undefined, Resource: undefined }],
  ])('takes a policy %s', (_, change) => {
    expect(allows(change)).toBe(true);
  });

  it.each([
    ['denies', { Effect: 'Deny' }],
    ['is for another service', { Principal: { Service: 'events.amazonaws.com' } }],
    ['is for another action', { Action: 'sqs:ReceiveMessage' }],
    ['is for another topic', { Condition: { ArnEquals: { 'aws:SourceArn': `${topicArn}-old` } } }],
    ['is for another queue', { Resource: `${queueArn}-dlq` }],
  ])('refuses one that %s', (_, change) => {
    expect(allows(change)).toBe(false);
  });

  it('refuses none, and what is no policy', () => {
    for (const policy of [undefined, '', '{}', 'null', '[]'])
      expect(allowsSending(policy, { topicArn, queueArn })).toBe(false);
  });
});
