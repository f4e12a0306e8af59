import { describe, expect, it } from 'vitest';
import { readEntries, readMessages, readSqsError } from './sqs-wire.ts';

const error = (status: number, text: string, header?: string) => {
  const headers = header === undefined ? {} : { 'x-amzn-query-error': header };
  const { kind, code, message } = readSqsError({ status, headers, text });
  return { kind, code, message };
};

describe('SQS on the wire', () => {
  it('reads errors from the body, or else from the header of the old protocol', () => {
    const body = (type: string) => JSON.stringify({ __type: type, message: 'm' });
    expect(
      error(400, body('com.amazonaws.sqs#QueueDoesNotExist'), 'AWS.SimpleQueueService.NonExistentQueue;Sender'),
    ).toEqual({ kind: 'retry', code: 'QueueDoesNotExist', message: 'QueueDoesNotExist: m' });
    expect(error(400, body('com.amazonaws.sqs#BatchRequestTooLong'))).toMatchObject({ kind: 'rejected' });
    expect(error(400, '{"Message":"m"}', 'AWS.SimpleQueueService.BatchRequestTooLong;Sender')).toEqual({
      kind: 'rejected',
      code: 'BatchRequestTooLong',
      message: 'BatchRequestTooLong: m',
    });
    expect(error(403, body('com.amazon.coral.service#ExpiredTokenException')).code).toBe('ExpiredTokenException');
    expect(error(400, body('RequestThrottled'))).toMatchObject({ kind: 'retry', code: 'RequestThrottled' });
    for (const text of ['', 'null', '<html>']) {
      expect(error(503, text)).toEqual({ kind: 'retry', code: 'Http503', message: `Http503: ${text}` });
    }
  });

  it('reads a batch answer in the order of its entries', () => {
    const Failed = [
      { Id: '0', Code: 'ReceiptHandleIsInvalid', Message: 'expired', SenderFault: true },
      { Id: '2', Code: 'InternalError', SenderFault: false },
      { Id: '3', Code: 'InvalidParameterValue', Message: 'seconds', SenderFault: true },
    ];
    expect(readEntries(5, JSON.stringify({ Successful: [{ Id: '1' }], Failed }))).toEqual([
      { ok: false, kind: 'gone', detail: 'ReceiptHandleIsInvalid: expired' },
      { ok: true, id: '' },
      { ok: false, kind: 'retry', detail: 'InternalError: ' },
      { ok: false, kind: 'rejected', detail: 'InvalidParameterValue: seconds' },
      { ok: false, kind: 'retry', detail: 'the service did not answer for this entry' },
    ]);
  });

  it('reads messages, and leaves out attributes that are no text', () => {
    const message = {
      MessageId: 'id',
      ReceiptHandle: 'receipt',
      Body: '{}',
      Attributes: { SentTimestamp: '1700000000000', ApproximateReceiveCount: '2', MessageGroupId: 'acme' },
      MessageAttributes: {
        lane: { DataType: 'String', StringValue: 'live' },
        blob: { DataType: 'Binary', BinaryValue: 'AA==' },
      },
    };
    expect(readMessages(JSON.stringify({ Messages: [message] }))).toEqual([
      {
        id: 'id',
        receipt: 'receipt',
        body: '{}',
        attributes: { lane: 'live' },
        groupId: 'acme',
        sentAt: 1_700_000_000_000,
        receiveCount: 2,
      },
    ]);
    expect(readMessages('{}')).toEqual([]);
  });
});
