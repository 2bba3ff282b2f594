// Builds the scripts of the dashboard: `npm ci && npm run build [-- DIRECTORY]` here; the result is never committed.
import { build } from "esbuild";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { world } from "./src/world.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? `${here}../agent/postai/web/static/built`;
rmSync(out, { recursive: true, force: true });
// An island's style sheet is an entry of its own: what a chunk imports would not be loaded by itself.
const styles = readdirSync(`${here}src/islands`).filter((name) => name.endsWith(".css"));
await build({
  absWorkingDir: here,
  entryPoints: ["src/app.js", "src/viewer.js", ...styles.map((name) => `src/islands/${name}`)],
  outdir: out,
  entryNames: "[name]",
  chunkNames: "chunk-[name]-[hash]",
  assetNames: "chunk-[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  minify: true,
  legalComments: "linked",
  define: { "process.env.NODE_ENV": '"production"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false" },
  logLevel: "info",
});
writeFileSync(`${out}/world.json`, world());
