/** Chromium's switches, each with its reason. All of them only count before the app is ready. */
import type { ShellApi } from './shell-api.ts';

export function applySwitches({ app }: Pick<ShellApi, 'app'>, platform: NodeJS.Platform): void {
  // Every renderer is sandboxed, whatever a window's own preferences say.
  app.enableSandbox();
  // After a second crash of the GPU process Chromium refuses 3D to the page for good; training recovers instead.
  app.disableDomainBlockingFor3DAPIs();
  if (platform !== 'linux') return;
  // On Linux WebGPU hides behind a switch, and Dawn finds real graphics cards only through Vulkan.
  app.commandLine.appendSwitch('enable-unsafe-webgpu');
  app.commandLine.appendSwitch('enable-features', 'Vulkan');
}
