import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { defineElement, type GanLatent, setSupplier, type Woken, whole } from "../src/explorer/element";
import { Errands } from "../src/explorer/errands";
import { Explorer } from "../src/explorer/explorer";
import { coordinates, dot, latentOf, length, movedTo, randomPlane, spherical, straight } from "../src/explorer/latents";
import { canRun, dequantised, type Generator, type ModelFile } from "../src/explorer/model";
import { EDGE, inside, keyed } from "../src/explorer/pad";
import { brightness, pixels } from "../src/explorer/pictures";
import { caption, effectWords, originWords, pointWords } from "../src/explorer/words";

/** The first numbers of a vector are those expected. */
function near(vector: ArrayLike<number>, expected: number[], digits = 5): void {
  for (const [k, value] of expected.entries()) expect(vector[k]).toBeCloseTo(value, digits);
}

describe("latents", () => {
  it("are torch's, seed by seed", () => {
    // torch.randn(1, 64, generator=torch.Generator().manual_seed(seed))
    const drawn: [number, number[], number, number][] = [
      [0, [-1.12584, -1.15236, -0.250579], -0.551529, 8.370454],
      [1, [-1.525596, -0.750232, -0.653981], -0.747872, 8.106649],
      [42, [1.926915, 1.487284, 0.900717], 1.383549, 8.397526],
    ];
    for (const [seed, first, last, norm] of drawn) {
      const z = latentOf(seed, 64);
      near(z, first);
      expect(z[63]).toBeCloseTo(last, 5);
      expect(length(z)).toBeCloseTo(norm, 4);
    }
  });

  it("move in a plane and nowhere else", () => {
    const plane = randomPlane(3, 64);
    expect(length(plane.across)).toBeCloseTo(1, 6);
    expect(length(plane.up)).toBeCloseTo(1, 6);
    expect(dot(plane.across, plane.up)).toBeCloseTo(0, 6);
    const z = latentOf(5, 64);
    const moved = movedTo(z, plane, [1.5, -2]);
    const [x, y] = coordinates(moved, plane);
    expect(x).toBeCloseTo(1.5, 5);
    expect(y).toBeCloseTo(-2, 5);
    const step = moved.map((value, k) => value - z[k]!);
    const [dx, dy] = [x - coordinates(z, plane)[0], y - coordinates(z, plane)[1]];
    expect(length(step)).toBeCloseTo(Math.hypot(dx, dy), 5);
    expect([...movedTo(z, plane, coordinates(z, plane))].every((v, k) => Math.abs(v - z[k]!) < 1e-6)).toBe(true);
  });

  it("draw the random plane as torch would", () => {
    // d = torch.randn(128, generator=torch.Generator().manual_seed(3)), then Gram and Schmidt
    const plane = randomPlane(3, 64);
    near(plane.across, [-0.01, 0.0471, -0.1023], 4);
    near(plane.up, [-0.0102, -0.0564, 0.0558], 4);
  });

  it("go from a to b on the sphere at an even angle, or straight through the inside", () => {
    const [a, b] = [Float32Array.of(2, 0, 0), Float32Array.of(0, 2, 0)];
    for (const t of [0, 0.25, 0.5, 1]) {
      const z = spherical(a, b, t);
      expect(length(z)).toBeCloseTo(2, 6);
      expect(Math.acos(Math.min(1, z[0]! / 2))).toBeCloseTo((t * Math.PI) / 2, 3);
    }
    expect(length(straight(a, b, 0.5))).toBeCloseTo(Math.SQRT2, 6);
    expect([...straight(a, b, 0.25)]).toEqual([1.5, 0.5, 0]);
    expect([...spherical(a, a, 0.3)].map((v) => Number(v.toFixed(6)))).toEqual([2, 0, 0]);
  });
});

describe("the file", () => {
  it("gives each weight back as a whole number times the scale of its channel", () => {
    // A plain tensor, one with channels first (inner 3), one with channels in the middle (inner 2).
    const numbers = Float32Array.of(0.5, -0.25, 2, 10, 1, 100);
    const whole = Int8Array.of(1, -2, 3, 4, 5, -127, /**/ 1, 2, 3, 4, 5, 6, 7, 8);
    const packed = new Uint8Array([...new Uint8Array(numbers.buffer), ...new Uint8Array(whole.buffer)]).buffer;
    const records = [{ count: 2 }, { count: 6, channels: 2, inner: 3 }, { count: 8, channels: 2, inner: 2 }];
    const values = dequantised(records, packed);
    expect([...values]).toEqual([0.5, -0.25, 2, -4, 6, 40, 50, -1270, 1, 2, 300, 400, 5, 6, 700, 800]);
  });

  it("asks for SIMD by a module that is valid where it is there", () => {
    expect(canRun()).toBe(true);
  });
});

describe("pictures", () => {
  it("map [-1, 1] to grey, and three channels to colours", () => {
    expect([...pixels([-1, 0, 1, 3], [1, 2, 2])]).toEqual([
      0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    ]);
    expect([...pixels([-1, 1, 1], [3, 1, 1])]).toEqual([0, 255, 255, 255]);
    expect(brightness([-1, 1, 0, 0])).toBe(0.5);
  });
});

describe("the pad", () => {
  it("moves by arrow keys, further with Shift, and stays inside", () => {
    const key = (key: string, shiftKey = false) => ({ key, shiftKey });
    expect(keyed(key("ArrowRight"), [0, 0])).toEqual([0.1, 0]);
    expect(keyed(key("ArrowUp", true), [1, 1])).toEqual([1, 1.5]);
    expect(keyed(key("ArrowLeft"), [-EDGE, 0])).toEqual([-EDGE, 0]);
    expect(keyed(key("Home"), [2, -3])).toEqual([0, 0]);
    expect(keyed(key("a"), [0, 0])).toBeNull();
    expect(inside([9, -9])).toEqual([EDGE, -EDGE]);
  });
});

describe("words", () => {
  it("say where z came from", () => {
    const between = { kind: "between", t: 0.42, a: 1, b: 2, straight: false } as const;
    expect(originWords({ origin: { kind: "seed", seed: 3 }, moved: true })).toBe("z of seed 3, then moved");
    expect(originWords({ origin: between, moved: false })).toBe(
      "42 % of the way from A (seed 1) to B (seed 2), on the sphere",
    );
    expect(caption({ origin: { kind: "seed", seed: 3 }, moved: false }, "Bag", 8.04)).toBe(
      "z of seed 3 · asked for: Bag · |z| = 8.0",
    );
    expect(pointWords([-0.04, -1.25])).toBe("0.0 across, −1.3 up");
  });

  it("compare a direction with a random one", () => {
    expect(effectWords("0", { shares: [4 / 64, 1 / 64], latent: 64 })).toContain(
      "2.0 times (across) and 1.0 times (up)",
    );
    expect(effectWords("random", { shares: [], latent: 64 })).not.toContain("times");
  });

  it("take seeds that are whole numbers below 2^32 only", () => {
    expect(["7", "0", "4294967295", "4294967296", "-1", "1e3", undefined].map((text) => whole(text, 5))).toEqual([
      7, 0, 4294967295, 5, 5, 5, 5,
    ]);
  });
});

describe("errands", () => {
  it("are run one after the other, the latest wish only", () => {
    const frames: (() => void)[] = [];
    vi.stubGlobal("requestAnimationFrame", (call: () => void) => frames.push(call));
    vi.stubGlobal("cancelAnimationFrame", () => {});
    const done: string[] = [];
    const errands = new Errands();
    errands.ask("x", () => done.push("old"));
    errands.ask("y", () => done.push("y"));
    errands.ask("x", () => done.push("new"));
    while (frames.length) frames.shift()!();
    expect(done).toEqual(["new", "y"]);
    errands.ask("x", () => done.push("never"));
    errands.end();
    while (frames.length) frames.shift()!();
    expect(done).toEqual(["new", "y"]);
    vi.unstubAllGlobals();
  });
});

const AXES = Array.from({ length: 8 }, (_, k) => Array.from({ length: 64 }, (_, i) => Number(i === k)));
const FILE = {
  latent: 64,
  sample: [1, 2, 2],
  name: "digits",
  classes: ["zero", "one", "two"],
  codes: [[0], [1], [2]],
  axes: AXES,
  shares: AXES.map(() => 1 / 64),
  tensors: [{ count: 10 }],
  made: {
    recipe: "r",
    seed: 0,
    steps: 5,
    date: "d",
    float32: { frechet_distance: 1, floor_frechet_distance: 0 },
    packed: { frechet_distance: 1 },
  },
} as unknown as ModelFile;

describe("the explorer", () => {
  // G(z, y) = (z_0, z_1, y, 0): the first two directions are the first two pixels.
  const generator = { file: FILE, image: (z: Float32Array, y: number) => Float32Array.of(z[0]!, z[1]!, y, 0) };
  let frames: (() => void)[];
  let explorer: Explorer;
  const settle = () => {
    while (frames.length) frames.shift()!();
  };

  beforeAll(() => {
    globalThis.ImageData ??= class {} as unknown as typeof ImageData;
  });
  beforeEach(() => {
    frames = [];
    vi.stubGlobal("requestAnimationFrame", (call: () => void) => frames.push(call));
    vi.stubGlobal("cancelAnimationFrame", () => {});
    const host = document.createElement("div");
    document.body.append(host);
    const root = host.attachShadow({ mode: "open" });
    explorer = new Explorer(root, generator as unknown as Generator, 1000, { seed: 0, a: 4, b: 18, y: 1 });
    settle();
  });
  afterEach(() => {
    explorer.end();
    vi.unstubAllGlobals();
  });

  it("shows G(z) of its seed and class", () => {
    const z = latentOf(0, 64);
    expect([...explorer.z]).toEqual([...z]);
    expect([...explorer.image]).toEqual([z[0], z[1], 1, 0]);
    expect(explorer.view.words.textContent).toContain("z of seed 0 · asked for: one");
  });

  it("moves z by keys on the pad and by its sliders", () => {
    const pad = explorer.view.lab.querySelector<HTMLElement>(".pad")!;
    pad.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }));
    settle();
    expect([...explorer.image.slice(0, 2)]).toEqual([0, 0]);
    pad.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", shiftKey: true }));
    settle();
    expect(explorer.image[0]).toBeCloseTo(0.5, 6);
    expect(pad.getAttribute("aria-valuetext")).toBe("0.5 across, 0.0 up");
    explorer.view.up.value = "-1.5";
    explorer.view.up.dispatchEvent(new Event("input"));
    settle();
    expect(explorer.image[1]).toBeCloseTo(-1.5, 6);
    expect(explorer.view.words.textContent).toContain("z of seed 0, then moved");
    expect([...explorer.z.slice(2)]).toEqual([...latentOf(0, 64).slice(2)]);
  });

  it("goes between its two samples, and draws them anew", () => {
    const { slider, line } = explorer.view;
    slider.value = "50";
    slider.dispatchEvent(new Event("input"));
    settle();
    const [a, b] = [latentOf(4, 64), latentOf(18, 64)];
    expect([...explorer.z]).toEqual([...spherical(a, b, 0.5)]);
    line.checked = true;
    line.dispatchEvent(new Event("change"));
    settle();
    expect([...explorer.z]).toEqual([...straight(a, b, 0.5)]);
    const again = [...explorer.view.lab.querySelectorAll("button")].find((b) => b.textContent === "New A")!;
    again.click();
    settle();
    expect(explorer.view.seedA.textContent).toBe("seed 19");
    expect([...explorer.z]).toEqual([...latentOf(19, 64)]);
  });

  it("keeps z when another class is asked for", () => {
    const before = [...explorer.z];
    const [, , two] = explorer.view.lab.querySelectorAll<HTMLButtonElement>(".classes button");
    two!.click();
    settle();
    expect([...explorer.z]).toEqual(before);
    expect(explorer.image[2]).toBe(2);
    const pressed = [...explorer.view.lab.querySelectorAll(".classes button")].map((b) =>
      b.getAttribute("aria-pressed"),
    );
    expect(pressed).toEqual(["false", "false", "true"]);
  });

  it("draws the next seed, and a seed that is typed", () => {
    explorer.view.lab.querySelector<HTMLButtonElement>("button.main")!.click();
    settle();
    expect([...explorer.z]).toEqual([...latentOf(1, 64)]);
    explorer.view.seed.value = "42";
    explorer.view.seed.dispatchEvent(new Event("change"));
    settle();
    expect([...explorer.z]).toEqual([...latentOf(42, 64)]);
  });
});

describe("the element", () => {
  const file = { ...FILE, classes: [], codes: [] } as ModelFile;
  const woken: Woken = {
    generator: { file, image: () => Float32Array.of(0, 0, 0, 0) } as unknown as Generator,
    bytes: 1000,
  };
  const shown = () => element.shadowRoot!.querySelector("[role=note]")?.textContent;
  const attach = (attributes: Record<string, string> = {}) => {
    element = document.createElement("gan-latent") as GanLatent;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.innerHTML = "<img alt='samples'>";
    document.body.append(element);
  };
  let element: GanLatent;

  beforeAll(() => {
    vi.stubGlobal(
      "IntersectionObserver",
      class {
        constructor(private readonly seen: (entries: { isIntersecting: boolean }[]) => void) {}
        observe() {
          this.seen([{ isIntersecting: true }]);
        }
        disconnect() {}
      },
    );
    defineElement();
  });
  afterEach(() => {
    element.dispose();
    element.remove();
  });

  it("keeps its figure and says why, when nothing can run", () => {
    setSupplier((name) => `no ${name} here`);
    attach({ "data-model": "digits" });
    expect(shown()).toBe("no digits here");
    expect(element.shadowRoot!.querySelector("slot")).not.toBeNull();
    expect([element.latent, element.image]).toEqual([null, null]);
  });

  it("says what went wrong", async () => {
    setSupplier(() => Promise.reject(new Error("the wire is cut")));
    attach();
    await vi.waitFor(() => expect(shown()).toBe("The generator does not run: the wire is cut"));
  });

  it("says so when its file is not what it should be", async () => {
    const broken = { ...woken, generator: { file: { ...file, made: {} }, image: woken.generator.image } };
    setSupplier(() => Promise.resolve(broken as unknown as Woken));
    attach();
    await vi.waitFor(() => expect(shown()).toContain("The generator does not run:"));
    expect(element.latent).toBeNull();
  });

  it("starts from its attributes, in the page's theme", async () => {
    setSupplier(() => Promise.resolve(woken));
    attach({ "data-model": "digits", "data-seed": "42", "data-a": "4", "data-b": "nonsense" });
    await vi.waitFor(() => expect(element.latent).not.toBeNull());
    expect([...element.latent!]).toEqual([...latentOf(42, 64)]);
    const lab = element.shadowRoot!.querySelector<HTMLElement>(".lab")!;
    expect(lab.textContent).toContain("seed 4");
    expect(lab.textContent).toContain("seed 2");
    document.documentElement.dataset.theme = "dark";
    await vi.waitFor(() => expect(lab.dataset.theme).toBe("dark"));
    delete document.documentElement.dataset.theme;
    expect(lab.querySelector<HTMLElement>(".asked")!.hidden).toBe(true);
  });
});
