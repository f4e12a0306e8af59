import { SNSServiceException } from '@aws-sdk/client-sns';
import { SQSServiceException } from '@aws-sdk/client-sqs';
import { type EntryFailure, TransportError } from '../transport.ts';

/** Errors that say that the call itself is wrong, under the names SNS and SQS give them. */
const REJECTED =
  /^(InvalidParameter|ParameterValueInvalid|Validation|BatchRequestTooLong|InvalidMessageContents|InvalidBatchEntryId)/;
const TRANSIENT = /Throttl|TooManyRequests|Internal|Unavailable|RequestLimit|OverLimit|Timeout/i;
const GONE = /ReceiptHandle|MessageNotInflight|receipt handle|not available for visibility/i;
const UNTRUSTED =
  /Expired|InvalidSignature|SignatureDoesNotMatch|InvalidClientTokenId|UnrecognizedClient|RequestInTheFuture|TimeTooSkewed/;

/**
 * A call that SNS or SQS answered with an error. Only what is certainly the caller's fault is `rejected`: a missing
 * permission or topic may be mended while messages wait, so it counts as the broker being away.
 */
export function serviceError(code: string, message: string, cause?: unknown): TransportError {
  return new TransportError(REJECTED.test(code) ? 'rejected' : 'retry', code, message, cause);
}

/** Whether the service did not trust the signature: the credentials are over, or the clock is wrong. */
export function isUntrusted(error: unknown): boolean {
  return error instanceof TransportError && UNTRUSTED.test(error.code);
}

/** The errors of the SDK, of undici and of the system as this library's. */
export function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (!(error instanceof Error)) return new TransportError('retry', 'Unknown', String(error), error);
  if (isFromSdk(error)) return serviceError(error.name, error.message, error);
  const { code } = error as { code?: unknown };
  return new TransportError('retry', typeof code === 'string' ? code : error.name, error.message, error);
}

/**
 * Whether one of the SDK's errors is worth repeating the call by itself: network trouble (which has a system code),
 * throttling, the service's own faults. A missing region or missing credentials are not: waiting does not mend them.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isFromSdk(error)) return error.$fault === 'server' || TRANSIENT.test(error.name);
  return typeof (error as NodeJS.ErrnoException).code === 'string' || TRANSIENT.test(error.name);
}

function isFromSdk(error: Error): error is SNSServiceException | SQSServiceException {
  return error instanceof SNSServiceException || error instanceof SQSServiceException;
}

/** Answer to one entry of a batch, with the broker's id of it (empty where the service gives none). */
export type Entry = { ok: true; id: string } | EntryFailure;

/** A batch answer, as SNS and SQS both give it. */
export interface BatchAnswer {
  Successful?: { Id?: string; MessageId?: string }[];
  Failed?: FailedEntry[];
}

export interface FailedEntry {
  Id?: string;
  Code?: string;
  Message?: string;
  SenderFault?: boolean;
}

/** A batch answer in the order of its entries, whose ids are their positions. */
export function inOrder(count: number, answer: BatchAnswer): Entry[] {
  const missing: EntryFailure = { ok: false, kind: 'retry', detail: 'the service did not answer for this entry' };
  const entries: Entry[] = new Array(count).fill(missing);
  for (const done of answer.Successful ?? []) entries[Number(done.Id)] = { ok: true, id: done.MessageId ?? '' };
  for (const failed of answer.Failed ?? []) entries[Number(failed.Id)] = toFailure(failed);
  return entries;
}

function toFailure({ Code = 'Unknown', Message = '', SenderFault }: FailedEntry): EntryFailure {
  const detail = `${Code}: ${Message}`;
  if (GONE.test(detail)) return { ok: false, kind: 'gone', detail };
  const rejected = SenderFault === true && !TRANSIENT.test(Code);
  return { ok: false, kind: rejected ? 'rejected' : 'retry', detail };
}
