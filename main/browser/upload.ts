/** One file from a page into an inbox: `POST /upload?client=...&inbox=...&name=...`, the bytes as the body. */
import type { IncomingMessage } from 'node:http';
import { toEnvelope, type Envelope } from '../../contract/envelope.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { Inboxes } from '../services/inbox.ts';

/** Answers with an envelope, as a call does; the caller has found out who asks. */
export function receiveUpload(inboxes: Inboxes, request: IncomingMessage): Promise<Envelope> {
  return toEnvelope(async () => {
    const query = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams;
    const [client, inbox, name] = ['client', 'inbox', 'name'].map((key) => query.get(key));
    if (!client || !inbox || !name)
      throw new KronlabError('invalid', 'upload: client, inbox and name are needed');
    await inboxes.receive(inbox, client, name, request);
    return {};
  });
}
