/** Whether a window can be shown: Linux says so in its environment, the other systems always have a desktop. */
export function hasDisplay(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (platform !== 'linux') return true;
  return Boolean(env['WAYLAND_DISPLAY'] || env['DISPLAY']);
}
