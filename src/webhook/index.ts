/** The sender of webhooks, and the guard over where they may go. */
export { checkTargetUrl, createEgressGuard } from './egress-guard.ts';
export { createSender } from './sender.ts';
