/** Who asks for a change. */
export interface Actor {
  /** An API key's public id, or `settings`: the key of the settings (ADMIN_API_KEY). */
  readonly name: string;
  readonly requestId: string | null;
}

/** What Postrider does by itself, such as disabling a subscription whose receiver is gone. */
export const POSTRIDER: Actor = { name: 'postrider', requestId: null };
