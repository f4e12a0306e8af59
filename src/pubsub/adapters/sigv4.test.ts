import { SQSClient } from '@aws-sdk/client-sqs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Credentials, createSigner, type Signable } from './sigv4.ts';

const place = { host: 'sqs.eu-central-1.amazonaws.com', region: 'eu-central-1', service: 'sqs' };
const secrets = fc.record({ accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,20}$/), secretAccessKey: fc.string() });
const token = fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,400}$/), { nil: undefined });

/** The headers the SDK's own signer gives the same request. */
async function signedBySdk(path: string, { contentType, target, body }: Signable, by: Credentials, at: number) {
  const { sessionToken, ...secret } = by;
  const credentials = sessionToken === undefined ? secret : { ...secret, sessionToken };
  const client = new SQSClient({ region: place.region, credentials });
  const signer = await client.config.signer();
  const headers: Record<string, string> = { host: place.host, 'content-type': contentType };
  if (target !== undefined) headers['x-amz-target'] = target;
  const request = { method: 'POST', protocol: 'https:', hostname: place.host, path, query: {}, headers, body };
  // The hash of the body has a header of its own in the SDK; only S3 reads it.
  const options = { signingDate: new Date(at), unsignableHeaders: new Set(['x-amz-content-sha256']) };
  const signed = await signer.sign(request, options);
  const { host: _, 'x-amz-content-sha256': __, ...rest } = signed.headers;
  return rest;
}

describe('a signature', () => {
  it("equals the SDK's", async () => {
    const request = fc.record({
      contentType: fc.constantFrom('application/x-amz-json-1.0', 'application/x-www-form-urlencoded'),
      target: fc.constantFrom(undefined, 'AmazonSQS.ReceiveMessage'),
      body: fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    });
    const path = fc.constantFrom('/', '/base/', '/b%20se/ü');
    const at = fc.integer({ min: 0, max: Date.UTC(2099, 11, 31) });
    await fc.assert(
      fc.asyncProperty(request, path, secrets, token, at, async (signable, where, secret, sessionToken, when) => {
        const by = { ...secret, sessionToken };
        const ours = createSigner({ ...place, path: where })(signable, by, when);
        expect(ours).toEqual(await signedBySdk(where, signable, by, when));
      }),
    );
  });

  it('takes a new key when the day or the secret changes', async () => {
    const sign = createSigner({ ...place, path: '/' });
    const request = { contentType: 'application/x-amz-json-1.0', body: Buffer.from('{"a":"ü\u{1F600}"}') };
    const day = Date.UTC(2025, 0, 31, 23, 59, 59);
    for (const secretAccessKey of ['one', 'two']) {
      for (const at of [day, day + 1_000, day]) {
        const by = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey };
        expect(sign(request, by, at)).toEqual(await signedBySdk('/', request, by, at));
      }
    }
  });
});
