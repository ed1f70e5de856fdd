// Runs a command while a local deployment of its own runs: SELLTHROUGH_URL names it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Deployment } from '../browser/deployment.mjs';

const [command, ...parameters] = process.argv.slice(2);
const deployment = await Deployment.start();
try {
  const story = spawn(command, parameters, { stdio: 'inherit', env: { ...process.env, SELLTHROUGH_URL: deployment.url } });
  const [code] = await once(story, 'exit');
  process.exitCode = code ?? 1;
} finally {
  await deployment.stop();
}
