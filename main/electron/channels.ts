/** Names of the two channels between a page and the main process. The contract's names travel inside. */
export const callChannel = 'kronlab:call';
export const eventChannel = 'kronlab:event';
