// Bundles src/main.ts to ../gan_tutor/lab/static/lab.js and copies lab.css. The same sources give the same bytes.
import { copyFile, mkdir, readFile } from "node:fs/promises";
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

const shared = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "inline",
  plugins: [styles],
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
}
