// The image's health check: is the process alive? Asks the URLs given, or else /health at the ports on which the API and a worker
// answer; one that does is enough. Plain JavaScript with nothing to import: it runs every few seconds.
const { PORT = '8080', METRICS_PORT = '9464' } = process.env;
const given = process.argv.slice(2);
const urls = given.length > 0 ? given : [PORT, METRICS_PORT].map((port) => `http://127.0.0.1:${port}/health`);

const TIMEOUT_MS = 3_000;

async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })).ok;
  } catch {
    return false;
  }
}

const all = await Promise.all(urls.map(answers));
process.exit(all.includes(true) ? 0 : 1);
