/** Names the program that trains, as it is kept with each run: `Electron 45.4` or `Chromium 156`. */
export function hostName(userAgent: string): string {
  const electron = /Electron\/(\d+\.\d+)/.exec(userAgent);
  if (electron) return `Electron ${electron[1]}`;
  const chromium = /(?:Chrome|Chromium|HeadlessChrome)\/(\d+)/.exec(userAgent);
  if (chromium) return `Chromium ${chromium[1]}`;
  const firefox = /Firefox\/(\d+)/.exec(userAgent);
  if (firefox) return `Firefox ${firefox[1]}`;
  const safari = /Version\/(\d+)[\d.]* .*Safari/.exec(userAgent);
  return safari ? `Safari ${safari[1]}` : 'Browser';
}
