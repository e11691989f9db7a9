import { describeTransport } from '../../contract/transport-suite.ts';
import { createApp } from './create-app.ts';
import { createDirectTransport } from './direct-transport.ts';
import { importText } from './test-inbox.ts';

describeTransport('the direct transport', async () => {
  const app = createApp({ dataDir: '', databasePath: ':memory:', host: 'direct', checkOutputs: true });
  const transport = createDirectTransport(app, 'first');
  const second = createDirectTransport(app, 'second');
  return {
    transport,
    second,
    importText: (length) => importText(app, length),
    async dispose() {
      transport.close();
      second.close();
      app.close();
    },
  };
});
