// How the dashboard is built: one page, hashed assets, and of each text file a copy in brotli and one in gzip, for the
// cloud's program serves what it carries as it is. Nothing is inlined, so that the page's policy can forbid inline code.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const TEXT = /\.(?:html|js|css|svg)$/;
/** Below this a packet is a packet, compressed or not. */
const WORTH_COMPRESSING = 512;

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

function precompress(): Plugin {
  let folder = 'dist';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const path of files(folder).filter((path) => TEXT.test(path))) {
        const bytes = readFileSync(path);
        if (bytes.length < WORTH_COMPRESSING) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, quality));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), precompress()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // A cloud that runs beside `npm run dev`.
    proxy: { '/api': process.env['FROSTGUARD_CLOUD'] ?? 'http://127.0.0.1:8700' },
  },
});
