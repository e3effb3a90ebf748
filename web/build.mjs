// Bundles src/main.ts to ../gan_tutor/lab/static/lab.js, src/page/main.ts to
// ../book/_static/lab/page.js, src/explorer/ to explorer.js beside both, and copies lab.css. The same sources give the same bytes.
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, transform } from "esbuild";

const demo = process.argv.includes("--demo");
const here = new URL(".", import.meta.url).pathname;

/** Style sheets come into the bundle as minified strings: the lab puts them into its shadow root. */
const styles = {
  name: "styles",
  setup(builder) {
    builder.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code, loader: "text" };
    });
  },
};

/** A program of its own comes in as text: the page starts it as a worker from a blob. */
const texts = {
  name: "texts",
  setup(builder) {
    builder.onResolve({ filter: /\?text$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace("?text", ".ts")),
      namespace: "text",
    }));
    builder.onLoad({ filter: /.*/, namespace: "text" }, async ({ path }) => {
      const options = { entryPoints: [path], bundle: true, format: "iife", target: ["es2022"], minify: true };
      const { outputFiles } = await build({ ...options, absWorkingDir: here, write: false, charset: "utf8" });
      return { contents: outputFiles[0].text, loader: "text" };
    });
  },
};

const shared = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "inline",
  plugins: [styles, texts],
  logLevel: "info",
};

if (demo) {
  await build({ ...shared, entryPoints: ["test/demo.ts"], outfile: "dist/demo.js" });
  await copyFile(`${here}test/demo.html`, `${here}dist/demo.html`);
} else {
  const out = `${here}../gan_tutor/lab/static/`;
  await mkdir(out, { recursive: true });
  await build({ ...shared, entryPoints: ["src/main.ts"], outfile: `${out}lab.js`, minify: true });
  await copyFile(`${here}src/lab.css`, `${out}lab.css`);
  await mkdir(`${here}../book/_static/lab`, { recursive: true });
  const page = {
    entryPoints: ["src/page/main.ts"],
    outfile: `${here}../book/_static/lab/page.js`,
    format: "iife",
    minify: true,
  };
  await build({ ...shared, ...page });
  await build({ ...shared, entryPoints: ["src/explorer/widget.ts"], outfile: `${out}explorer.js`, minify: true });
  const explorer = {
    entryPoints: ["src/explorer/main.ts"],
    outfile: `${here}../book/_static/explorer/explorer.js`,
    format: "iife",
    minify: true,
  };
  await build({ ...shared, ...explorer });
}
