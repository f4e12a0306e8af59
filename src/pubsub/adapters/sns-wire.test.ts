import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPublished, readSnsError, toPublishForm } from './sns-wire.ts';

const answer = (result: string) =>
  `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
    <PublishBatchResult>${result}</PublishBatchResult>
    <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>
  </PublishBatchResponse>`;

const error = (status: number, text: string) => {
  const { kind, code, message } = readSnsError({ status, headers: {}, text });
  return { kind, code, message };
};

describe('SNS on the wire', () => {
  it('publishes every text unchanged', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    const message = fc.record({ body: text, groupId: text, attributes: fc.dictionary(text, text, { maxKeys: 3 }) });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 10 }), (messages) => {
        const form = new URLSearchParams(toPublishForm('arn:aws:sns:eu-central-1:1:t', messages).toString());
        messages.forEach(({ body, groupId, attributes }, i) => {
          const entry = `PublishBatchRequestEntries.member.${i + 1}`;
          expect(form.get(`${entry}.Id`)).toBe(String(i));
          expect(form.get(`${entry}.Message`)).toBe(body);
          expect(form.get(`${entry}.MessageGroupId`)).toBe(groupId);
          Object.entries(attributes).forEach(([name, value], n) => {
            const attribute = `${entry}.MessageAttributes.entry.${n + 1}`;
            expect(form.get(`${attribute}.Name`)).toBe(name);
            expect(form.get(`${attribute}.Value.StringValue`)).toBe(value);
          });
        });
      }),
    );
  });

  it('reads an answer in the order of the messages, whatever its own', () => {
    const xml = answer(`
      <Failed>
        <member>
          <Id>1</Id><Code>InvalidParameter</Code>
          <Message>a &lt;b&gt; &amp;amp; &#34;c&#x22; &apos;ü&#128512;</Message><SenderFault>true</SenderFault>
        </member>
        <member><Code>InternalError</Code><Id>3</Id><SenderFault>false</SenderFault></member>
        <member><Id>4</Id><Code>Throttled</Code><Message/><SenderFault>true</SenderFault></member>
      </Failed>
      <Successful>
        <member><MessageId>m2</MessageId><Id>2</Id></member>
        <member><Id>0</Id><MessageId>m0</MessageId></member>
      </Successful>`);
    expect(readPublished(6, xml)).toEqual([
      { ok: true, id: 'm0' },
      { ok: false, kind: 'rejected', detail: 'InvalidParameter: a <b> &amp; "c" \'ü\u{1F600}' },
      { ok: true, id: 'm2' },
      { ok: false, kind: 'retry', detail: 'InternalError: ' },
      { ok: false, kind: 'retry', detail: 'Throttled: ' },
      { ok: false, kind: 'retry', detail: 'the service did not answer for this entry' },
    ]);
    expect(readPublished(1, answer('<Failed/><Successful/>'))).toMatchObject([{ ok: false, kind: 'retry' }]);
  });

  it('reads errors', () => {
    const xml = (code: string) =>
      `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>it&apos;s so</Message></Error></ErrorResponse>`;
    const message = (code: string) => `${code}: it's so`;
    expect(error(400, xml('InvalidParameter'))).toMatchObject({ kind: 'rejected', code: 'InvalidParameter' });
    for (const [status, code] of [
      [400, 'Throttling'],
      [404, 'NotFound'],
      [403, 'AuthorizationError'],
      [500, 'InternalFailure'],
    ] as const) {
      expect(error(status, xml(code))).toEqual({ kind: 'retry', code, message: message(code) });
    }
    expect(error(503, '<html>busy</html>')).toEqual({
      kind: 'retry',
      code: 'Http503',
      message: 'Http503: <html>busy</html>',
    });
  });
});
