import { describeTransport } from '../../contract/transport-suite.ts';
import { importText } from '../services/test-inbox.ts';
import { openTestHost } from './test-host.ts';

describeTransport('the web socket', async () => {
  const host = await openTestHost();
  const cookie = await host.enter();
  return {
    transport: await host.connect(cookie, 'first-window'),
    second: await host.connect(cookie, 'second-window'),
    importText: (length) => importText(host.app, length),
    dispose: () => host.close(),
  };
});
