import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Account, createSnsAccount, createSqsAccount } from './aws-account.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'token' };
const aws = { region: 'eu-central-1', credentials };
const TOPIC = 'arn:aws:sns:eu-central-1:000000000000:t';
const QUEUE = 'https://sqs.eu-central-1.amazonaws.com/000000000000/q';

async function destinationOf(account: Account) {
  const destination = await account.destination();
  account.close();
  return destination;
}

describe('the destination of calls', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("is the region's, in every partition", async () => {
    expect(await destinationOf(createSnsAccount(TOPIC, aws))).toEqual({
      origin: 'https://sns.eu-central-1.amazonaws.com',
      host: 'sns.eu-central-1.amazonaws.com',
      path: '/',
      region: 'eu-central-1',
      service: 'sns',
    });
    const { host } = await destinationOf(createSnsAccount(TOPIC, { ...aws, region: 'cn-north-1' }));
    expect(host).toBe('sns.cn-north-1.amazonaws.com.cn');
  });

  it("follows the environment's settings, as the SDK does", async () => {
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
    const fips = await destinationOf(createSnsAccount(TOPIC, { credentials }));
    expect(fips).toMatchObject({ host: 'sns-fips.us-east-1.amazonaws.com', region: 'us-east-1' });
    vi.unstubAllEnvs();
    vi.stubEnv('AWS_ENDPOINT_URL_SNS', 'http://localhost:4566/base');
    const custom = await destinationOf(createSnsAccount(TOPIC, aws));
    expect(custom).toMatchObject({ origin: 'http://localhost:4566', host: 'localhost:4566', path: '/base/' });
  });

  it("is the queue URL's host, or the endpoint that is set", async () => {
    const queue = await destinationOf(createSqsAccount(QUEUE, aws));
    expect(queue).toMatchObject({ host: 'sqs.eu-central-1.amazonaws.com', path: '/', service: 'sqs' });
    const endpoint = 'http://127.0.0.1:4566';
    expect(await destinationOf(createSqsAccount(QUEUE, { ...aws, endpoint }))).toMatchObject({ origin: endpoint });
  });

  it('is looked for again after a failure', async () => {
    vi.stubEnv('AWS_REGION', '');
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    const account = createSnsAccount(TOPIC, { credentials });
    await expect(account.destination()).rejects.toThrow(/region/i);
    await expect(account.destination()).rejects.toThrow(/region/i);
    expect(await account.credentials()).toMatchObject(credentials);
    account.close();
  });
});
