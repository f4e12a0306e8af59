/** A message to publish. */
export interface OutgoingMessage {
  /** The payload; travels byte for byte. Not empty. */
  readonly body: string;
  /** Whose traffic it is, 1–128 printable ASCII characters: SQS fair queues keep one group's flood from the others. */
  readonly groupId: string;
  /** At most 10 (SQS drops raw messages with more); travel as String attributes. W3C `traceparent` is one of them. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Most bytes of one message, and of one batch, body and attributes together: 256 KiB, the limit of SNS. */
export const MAX_MESSAGE_BYTES = 262_144;

/** Most entries of one batch call, and of one receive: a limit of SNS and SQS. */
export const MAX_BATCH_ENTRIES = 10;

const MAX_ATTRIBUTES = 10;
const STRING_TYPE_BYTES = 'String'.length;

/** Size in bytes as SNS counts it: the UTF-8 body, and each attribute's name, type and value. */
export function messageBytes(message: OutgoingMessage): number {
  let bytes = Buffer.byteLength(message.body);
  for (const name in message.attributes) {
    bytes += Buffer.byteLength(name) + STRING_TYPE_BYTES + Buffer.byteLength(message.attributes[name]!);
  }
  return bytes;
}

/** What makes a message unacceptable, whoever sends it. */
export interface MessageFault {
  reason: 'too_large' | 'invalid_characters' | 'rejected';
  detail: string;
}

/*
 * SQS allows #x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD #x10000-#x10FFFF. This names the rest of the basic plane; lone
 * surrogates are left to isWellFormed, which takes 0.1 µs where a regular expression with the u flag takes several.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;
const GROUP_ID = /^[\x21-\x7E]{1,128}$/;
const ATTRIBUTE_NAME = /^(?!AWS\.|Amazon\.|\.)[A-Za-z0-9_.-]{1,256}(?<!\.)$/i;

/** Whether SNS and SQS carry every character of the text. */
export function hasOnlyAllowedCharacters(text: string): boolean {
  return text.isWellFormed() && !FORBIDDEN.test(text);
}

/** The first reason why SNS or SQS would refuse the message, found here so that it cannot fail the batch it travels in. */
export function findFault(message: OutgoingMessage, bytes: number): MessageFault | undefined {
  if (bytes > MAX_MESSAGE_BYTES) {
    return { reason: 'too_large', detail: `${bytes} bytes with attributes; at most ${MAX_MESSAGE_BYTES}` };
  }
  if (message.body === '') return { reason: 'rejected', detail: 'the body is empty' };
  if (!hasOnlyAllowedCharacters(message.body)) {
    return { reason: 'invalid_characters', detail: 'the body has a character that SQS does not carry' };
  }
  if (!GROUP_ID.test(message.groupId)) {
    return { reason: 'rejected', detail: 'groupId must be 1 to 128 printable ASCII characters' };
  }
  return findAttributeFault(message.attributes);
}

function findAttributeFault(attributes: Readonly<Record<string, string>>): MessageFault | undefined {
  let count = 0;
  for (const name in attributes) {
    const value = attributes[name]!;
    if (++count > MAX_ATTRIBUTES) return { reason: 'rejected', detail: `more than ${MAX_ATTRIBUTES} attributes` };
    if (!ATTRIBUTE_NAME.test(name)) return { reason: 'rejected', detail: `attribute name ${JSON.stringify(name)}` };
    if (value === '') return { reason: 'rejected', detail: `attribute ${name} is empty` };
    if (!hasOnlyAllowedCharacters(value)) {
      return { reason: 'invalid_characters', detail: `attribute ${name} has a character that SQS does not carry` };
    }
  }
  return undefined;
}
