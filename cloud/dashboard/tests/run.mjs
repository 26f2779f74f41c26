// Runs the unit tests: bundled by the esbuild that Vite brings, because Node 18 does not read TypeScript, and then by
// Node's own test runner.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const tests = readdirSync(here).filter((name) => name.endsWith('.test.ts'));
const folder = mkdtempSync(join(tmpdir(), 'dashboard-tests-'));
try {
  await build({
    entryPoints: tests.map((name) => join(here, name)),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  const ran = spawnSync(process.execPath, ['--test', '--test-reporter=tap', folder], { encoding: 'utf8' });
  const passed = /^# pass (\d+)$/m.exec(ran.stdout)?.[1];
  if (ran.status === 0 && Number(passed) > 0) console.log(`dashboard: ${passed} passed`);
  else {
    console.error(ran.stdout + ran.stderr);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
