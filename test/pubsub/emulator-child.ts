/*
 * The SNS/SQS emulator in a process of its own, on the loopback. Tells its port to its parent, and ends with it.
 */
import net from 'node:net';
import { startFauxqs } from 'fauxqs';

// The emulator listens on all interfaces; tests have no business there.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
  const [first, ...rest] = args;
  const narrowed = typeof first === 'object' && first !== null ? { ...first, host: '127.0.0.1' } : first;
  return Reflect.apply(listen, this, [narrowed, ...rest]);
} as typeof listen;

// SQS carries U+10000–U+10FFFF; the emulator's expression forgets them, so it is widened in place.
const types: { INVALID_MESSAGE_BODY_CHAR: RegExp } = await import(
  new URL('./sqs/sqsTypes.js', import.meta.resolve('fauxqs')).href
);
types.INVALID_MESSAGE_BODY_CHAR.compile('[^\\t\\n\\r\\u0020-\\uD7FF\\uE000-\\uFFFD\\u{10000}-\\u{10FFFF}]', 'u');

const server = await startFauxqs({ port: 0, logger: false });
process.on('disconnect', () => process.exit(0));
process.send?.({ port: server.port });
