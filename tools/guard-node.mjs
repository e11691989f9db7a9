// Loaded before every entry point. The SQLite driver needs Node-API 10 and ends older Nodes without a word, so an old
// Node is refused here with a sentence.
if (Number(process.versions.napi) < 10) {
  console.error(
    `Node ${process.versions.node} cannot run this file; start it with \`node tools/run.mjs\` or an npm script, which use Node 24.`,
  );
  process.exit(1);
}
