// What the explorer says.

import type { Made, ModelFile } from "./model";
import type { Point } from "./pad";

/** Where the present z came from. */
export type Origin =
  | { kind: "seed"; seed: number }
  | { kind: "between"; t: number; a: number; b: number; straight: boolean };

export interface Place {
  origin: Origin;
  moved: boolean;
}

export const NO_ENGINE =
  "These are samples of the trained generator. With WebAssembly SIMD, which this browser lacks, the generator would run here.";
export const WAITING = "The generator is loading.";
export const WAIT_FOR_CELL = "The generator runs here once the cell above has been run.";

export function subject(file: ModelFile): string {
  return file.name.startsWith("fashion") ? "clothes" : "digits";
}

export function originWords({ origin, moved }: Place): string {
  const from =
    origin.kind === "seed"
      ? `z of seed ${origin.seed}`
      : `${Math.round(100 * origin.t)} % of the way from A (seed ${origin.a}) to B (seed ${origin.b}), ${
          origin.straight ? "straight" : "on the sphere"
        }`;
  return moved ? `${from}, then moved` : from;
}

export function pointWords([x, y]: Point): string {
  return `${signed(x)} across, ${signed(y)} up`;
}

export function signed(value: number): string {
  return value.toFixed(1).replace("-0.0", "0.0").replace("-", "−");
}

/** One line below the picture. */
export function caption(place: Place, className: string | undefined, norm: number): string {
  const asked = className === undefined ? "" : ` · asked for: ${className}`;
  return `${originWords(place)}${asked} · |z| = ${norm.toFixed(1)}`;
}

export interface Choice {
  name: string;
  label: string;
}

/** The planes that can be chosen: two directions of the file from the place that is the name, or two random ones. */
export const PLANES: readonly Choice[] = [
  { name: "0", label: "the two strongest directions" },
  { name: "2", label: "the 3rd and 4th strongest" },
  { name: "4", label: "the 5th and 6th strongest" },
  { name: "6", label: "the two weakest directions" },
  { name: "random", label: "two random directions" },
];

/** How much a plane's directions do, as measured when the file was made. */
export function effectWords(name: string, { shares, latent }: Pick<ModelFile, "shares" | "latent">): string {
  if (name === "random") return "Each random direction mixes strong and weak ones.";
  const [across, up] = [0, 1].map((k) => Math.sqrt(shares[Number(name) + k]! * latent).toFixed(1));
  return `A small step moves the image ${across} times (across) and ${up} times (up) as far as in a random direction.`;
}

/** Facts of the file in rows. */
export function facts(file: ModelFile, bytes: number): [string, string][] {
  const { made } = file;
  const weights = file.tensors.reduce((n, { count }) => n + count, 0);
  return [
    ["Recipe", `${made.recipe}, seed ${made.seed}, ${made.steps.toLocaleString("en")} steps, ${made.date}`],
    ["Weights", `${weights.toLocaleString("en")}, 6 to 8 bits each; ${Math.round(bytes / 1000)} kB with the program`],
    ["Fréchet distance", distances(made)],
    [
      "Directions",
      "principal axes of G’s Jacobian: the eigenvectors of the mean of JᵀJ over 200 z, by their eigenvalues",
    ],
    ["In PyTorch", `z = torch.randn(1, ${file.latent}, generator=torch.Generator().manual_seed(seed))`],
  ];
}

function distances({ float32, packed }: Made): string {
  const [before, after] = [float32.frechet_distance, packed.frechet_distance].map((d) => d.toFixed(2));
  const floor = float32.floor_frechet_distance.toFixed(2);
  return `${after} on the features of the book’s classifier (${before} with 32-bit weights, held-out real images ${floor})`;
}
