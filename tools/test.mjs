// `npm test`: sets up what is missing, then runs every check there is.
import { command } from './node24.mjs';

await command('tools/check-all.ts', process.argv.slice(2));
