// `npm start`: sets up what is missing, then opens the lab.
import { command } from './node24.mjs';

await command('tools/launch.ts', process.argv.slice(2));
