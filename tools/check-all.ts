/**
 * What `npm test` does once everything is installed: every stage in turn, one line each, the output of those that
 * failed, and the sum. A failing stage does not hide what the later ones would say.
 */
import { spawn } from 'node:child_process';
import { KronlabError } from '../contract/errors.ts';
import { ensureChromium } from './chromium.ts';
import { electronBinary } from './electron.ts';
import { projectRoot } from './setup.mjs';
import { stages, type Outcome, type Stage, type Tally } from './stages.ts';
import { chooseVulkanDriver } from './vulkan.ts';

function runNode(args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  const collect = (text: string) => output.push(text);
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output: output.join('') }));
  });
}

async function runStage(stage: Stage): Promise<{ tally: Tally; output: string }> {
  stage.prepare?.();
  const outcome = await runNode(stage.args);
  return { tally: stage.tally(outcome), output: outcome.output };
}

async function checkAll(): Promise<Tally> {
  ensureChromium((line) => console.log(line));
  // The browser may have come only now, and with it the driver.
  chooseVulkanDriver(process.env);
  const sum: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const stage of stages(projectRoot)) {
    const began = performance.now();
    const { tally, output } = await runStage(stage);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
    const mark = tally.failed > 0 ? 'FAILED' : 'ok';
    console.log(
      `${mark.padEnd(7)}${stage.name.padEnd(30)}${seconds.padStart(7)} s  ${tally.passed} passed, ${tally.failed} failed${skipped}`,
    );
    if (tally.failed > 0) console.log(output.trimEnd());
    sum.passed += tally.passed;
    sum.failed += tally.failed;
    sum.skipped += tally.skipped;
  }
  return sum;
}

try {
  const sum = await checkAll();
  const why = electronBinary() === null ? 'no binary' : 'no test starts it';
  console.log(`electron shell: type-checked, built, wired against a fake; NOT launched (${why})`);
  if (sum.skipped > 0) console.log(`skipped: ${sum.skipped}`);
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  process.exitCode = sum.failed === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof KronlabError)) throw error;
  console.error(error.message);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
