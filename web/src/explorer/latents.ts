// Points z of the latent space: drawn by seed as torch draws them, moved in a plane, and the ways between two.

import { Twister } from "../page/twister";

export type Vector = Float32Array;

/** `torch.randn(1, n, generator=torch.Generator().manual_seed(seed))`. */
export function latentOf(seed: number, n: number): Vector {
  const z = new Float32Array(n);
  new Twister(seed).normal(z);
  return z;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export function length(z: Vector): number {
  return Math.sqrt(dot(z, z));
}

/** Two orthonormal directions. */
export interface Plane {
  across: Vector;
  up: Vector;
}

/** The plane of two random directions: two normal draws of a seed, made orthonormal. */
export function randomPlane(seed: number, n: number): Plane {
  const drawn = latentOf(seed, 2 * n);
  const across = scaled(drawn.slice(0, n), 1 / length(drawn.slice(0, n)));
  const rest = sum(drawn.slice(n), 1, across, -dot(drawn.slice(n), across));
  return { across, up: scaled(rest, 1 / length(rest)) };
}

/** Where z lies in the plane. */
export function coordinates(z: Vector, { across, up }: Plane): [number, number] {
  return [dot(z, across), dot(z, up)];
}

/** The point with the given coordinates in the plane, and z's own everywhere else. */
export function movedTo(z: Vector, plane: Plane, [x, y]: readonly [number, number]): Vector {
  const [fromX, fromY] = coordinates(z, plane);
  return sum(sum(z, 1, plane.across, x - fromX), 1, plane.up, y - fromY);
}

/** From a (t = 0) to b (t = 1) on the sphere: the angle grows evenly, so the length stays between theirs. */
export function spherical(a: Vector, b: Vector, t: number): Vector {
  const cosine = Math.min(1, Math.max(-1, dot(a, b) / (length(a) * length(b))));
  const angle = Math.acos(cosine);
  if (angle < 1e-6) return straight(a, b, t);
  return sum(a, Math.sin((1 - t) * angle) / Math.sin(angle), b, Math.sin(t * angle) / Math.sin(angle));
}

/** From a to b on a line; its middle is nearer to 0 than both. */
export function straight(a: Vector, b: Vector, t: number): Vector {
  return sum(a, 1 - t, b, t);
}

function sum(a: Vector, i: number, b: Vector, j: number): Vector {
  return a.map((value, k) => i * value + j * b[k]!);
}

function scaled(a: Vector, i: number): Vector {
  return a.map((value) => i * value);
}
