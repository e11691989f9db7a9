import { describeTransport } from '../../contract/transport-suite.ts';
import { createApp } from './create-app.ts';
import { createDirectTransport } from './direct-transport.ts';

describeTransport('the direct transport', async () => {
  const app = createApp({ dataDir: '', databasePath: ':memory:', host: 'direct', checkOutputs: true });
  const transport = createDirectTransport(app, 'first');
  const second = createDirectTransport(app, 'second');
  return {
    transport,
    second,
    async dispose() {
      transport.close();
      second.close();
      app.close();
    },
  };
});
