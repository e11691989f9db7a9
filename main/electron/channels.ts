/** Names of the channels between a page and the main process. The contract's names travel inside the first two. */
export const callChannel = 'kronlab:call';
export const eventChannel = 'kronlab:event';
/** Files for an import: dropped on the page, and chosen in the native dialog. */
export const dropChannel = 'kronlab:drop';
export const chooseChannel = 'kronlab:choose';
