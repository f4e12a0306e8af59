import type { OutgoingMessage } from '../message.ts';
import type { TransportError } from '../transport.ts';
import { type BatchAnswer, type Entry, type FailedEntry, inOrder, serviceError } from './aws-errors.ts';
import type { Answer } from './http.ts';

/*
 * PublishBatch in the Query protocol of SNS: a form goes out, XML comes back
 * (https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html).
 */

export const SNS_CONTENT_TYPE = 'application/x-www-form-urlencoded';

/** The form of a PublishBatch call; entry ids are positions. */
export function toPublishForm(topicArn: string, messages: readonly OutgoingMessage[]): Buffer {
  let form = `Action=PublishBatch&Version=2010-03-31&TopicArn=${encodeURIComponent(topicArn)}`;
  for (let i = 0; i < messages.length; i++) form += toEntry(messages[i]!, i);
  // Percent-encoded, so all of it is ASCII, which latin1 copies as it is.
  return Buffer.from(form, 'latin1');
}

function toEntry(message: OutgoingMessage, i: number): string {
  const entry = `&PublishBatchRequestEntries.member.${i + 1}.`;
  const group = encodeURIComponent(message.groupId);
  let form = `${entry}Id=${i}${entry}Message=${encodeURIComponent(message.body)}${entry}MessageGroupId=${group}`;
  let n = 0;
  for (const name in message.attributes) {
    const attribute = `${entry}MessageAttributes.entry.${++n}.`;
    const value = encodeURIComponent(message.attributes[name]!);
    form += `${attribute}Name=${encodeURIComponent(name)}${attribute}Value.DataType=String${attribute}Value.StringValue=${value}`;
  }
  return form;
}

const MEMBER = /<member>(.*?)<\/member>/gs;

/** Reads the answer to a PublishBatch of this many messages. Its members are flat: those with a MessageId went well, those with a Code did not. */
export function readPublished(count: number, xml: string): Entry[] {
  const Successful: Required<BatchAnswer>['Successful'] = [];
  const Failed: FailedEntry[] = [];
  for (const [, member = ''] of xml.matchAll(MEMBER)) {
    const Id = textOf(member, 'Id');
    const MessageId = textOf(member, 'MessageId');
    if (MessageId !== '') Successful.push({ Id, MessageId });
    else Failed.push(readFailure(Id, member));
  }
  return inOrder(count, { Successful, Failed });
}

function readFailure(Id: string, member: string): FailedEntry {
  const SenderFault = textOf(member, 'SenderFault') === 'true';
  return { Id, Code: textOf(member, 'Code') || 'Unknown', Message: textOf(member, 'Message'), SenderFault };
}

/** The error in any other answer than a good one. */
export function readSnsError({ status, text }: Answer): TransportError {
  return serviceError(textOf(text, 'Code') || `Http${status}`, textOf(text, 'Message') || text.slice(0, 200));
}

/** The decoded text of the first element of this name; empty without one. */
function textOf(xml: string, name: string): string {
  const open = xml.indexOf(`<${name}>`);
  if (open === -1) return '';
  const start = open + name.length + 2;
  const end = xml.indexOf('</', start);
  return end === -1 ? '' : decodeEntities(xml.slice(start, end));
}

const ENTITY = /&(?:#x([0-9a-f]+)|#(\d+)|(amp|lt|gt|quot|apos));/gi;
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (_, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name] ?? '';
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}
