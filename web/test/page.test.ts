import { describe, expect, it } from "vitest";
import { apart, coverage, perfectSampler, wasserstein } from "../src/page/coverage";
import { Game } from "../src/page/game";
import { normalQuantile } from "../src/page/grids";
import { Journal } from "../src/page/journal";
import type { MixtureData, Site } from "../src/page/manifest";
import { adapted, bundleOf, checked, fromLink, placesOf, Refusal, rebuilt, toLink } from "../src/page/recipes";
import { curveSource, extentOf, mixtureSource } from "../src/page/sources";
import { Twister } from "../src/page/twister";
import type { Recipe, Value } from "../src/protocol";

const angles = Array.from({ length: 8 }, (_, k) => (k * Math.PI) / 4);
const RING: MixtureData = {
  kind: "mixture",
  means: angles.map((a) => [2 * Math.cos(a), 2 * Math.sin(a)]),
  sigmas: angles.map(() => 0.05),
  weights: angles.map(() => 1 / 8),
};

const close = (got: Iterable<number>, want: number[], digits = 6) =>
  [...got].forEach((value, i) => {
    expect(value).toBeCloseTo(want[i]!, digits);
  });

describe("torch's random numbers", () => {
  // torch.Generator().manual_seed(7), one draw after the other.
  const twister = new Twister(7);
  const normals = (n: number) => {
    const out = new Float32Array(n);
    twister.normal(out);
    return out;
  };

  it("draws what torch draws, in the same order", () => {
    close(normals(20).slice(-6), [-1.3233458, -1.359769, -0.8667016, -0.5640067, -2.0564625, -0.3567225]);
    const uniform = new Float32Array(3);
    twister.uniform(uniform);
    expect([...uniform]).toEqual([0.38874197006225586, 0.2214464545249939, 0.37420207262039185]);
    const shares = Float32Array.of(0.1, 0.2, 0.3, 0.4);
    expect([...twister.multinomial(shares, 12)]).toEqual([2, 0, 2, 2, 2, 1, 1, 3, 1, 3, 3, 2]);
    expect([1, 2, 3, 4, 5].map(() => twister.below(1000))).toEqual([332, 60, 540, 343, 239]);
    close(normals(5), [-0.1882715, 0.2826872, 0.1305343, 0.3302557, -0.0773207]);
    close(normals(3), [-0.9224173, -1.8941159, 1.0056394]);
    twister.uniform(uniform, -0.7, 0.3);
    twister.uniform(uniform, -0.7, 0.3);
    expect([...uniform].every((value) => value >= -0.7 && value < 0.3)).toBe(true);
  });

  it("goes on from a state exactly", () => {
    const before = twister.state;
    const first = normals(7);
    twister.state = before;
    expect([...normals(7)]).toEqual([...first]);
    expect(before.words).toHaveLength(624);
  });

  it("spreads as it should", () => {
    const many = normals(40_000);
    const mean = many.reduce((a, b) => a + b, 0) / many.length;
    const variance = many.reduce((a, b) => a + b * b, 0) / many.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  });
});

describe("real samples", () => {
  it("are the library's, number by number", () => {
    close(
      mixtureSource(RING).sample(4, new Twister(3)).x,
      [2.0023091, -0.068413, 0.0168747, 2.0505557, -0.0717589, -1.9511284, 1.4403161, 1.4761094],
    );
    close(
      curveSource({ kind: "curve", curve: "two_moons", sigma: 0.05 }).sample(3, new Twister(1)).x,
      [0.5841531, -0.7839615, -0.6248218, 0.7461126, -1.3026729, 0.3730903],
    );
    close(
      curveSource({ kind: "curve", curve: "swiss_roll", sigma: 0.05 }).sample(3, new Twister(1)).x,
      [1.4625511, -1.269722, 0.6280996, 1.0337169, -0.8100519, 1.1234249],
    );
  });

  it("are seen with a margin", () => {
    close(extentOf(Float32Array.of(-1, 0, 1, 1, 0, -1), 2), [-1.8, 1.8, -1.8, 1.8]);
    expect(extentOf(Float32Array.of(1, 3), 1)).toEqual([2 - 1.8, 2 + 1.8, 0, 1]);
  });
});

describe("coverage", () => {
  it("counts what the library counts", () => {
    const got = coverage(Float32Array.of(2, 0, 0, 2, 0, 2.05, 1, 1), RING);
    expect(got.modes).toBe(2);
    expect(got.highQuality).toBe(0.75);
    expect(got.reverseKl).toBeCloseTo((1 / 3) * Math.log(8 / 3) + (2 / 3) * Math.log(16 / 3), 12);
    expect(coverage(Float32Array.of(9, 9), RING).reverseKl).toBe(Number.POSITIVE_INFINITY);
  });

  it("knows what a perfect sampler reaches", () => {
    const best = perfectSampler(RING, 2500);
    expect(best.modes).toBe(8);
    expect(best.highQuality).toBeCloseTo(0.98889, 5);
    expect(best.reverseKl).toBeCloseTo(7 / (2 * 0.98889 * 2500), 6);
    const drawn = mixtureSource(RING).sample(50_000, new Twister(5)).x;
    expect(Math.abs(coverage(drawn, RING).highQuality - best.highQuality)).toBeLessThan(0.003);
  });

  it("is not measured where modes touch", () => {
    const pair = (gap: number) => ({
      ...RING,
      means: [
        [0, 0],
        [gap, 0],
      ],
      sigmas: [0.1, 0.1],
      weights: [0.5, 0.5],
    });
    expect([apart(pair(0.61)), apart(pair(0.59)), apart(RING)]).toEqual([true, false, true]);
  });

  it("measures lines by the distance of sorted samples", () => {
    expect(wasserstein(Float32Array.of(3, 1, 2), Float32Array.of(2, 3, 4))).toBe(1);
    expect(wasserstein(Float32Array.of(1, 2), Float32Array.of(2, 1))).toBe(0);
  });

  it("finds normal quantiles", () => {
    close([0.5, 0.975, 0.0333333].map(normalQuantile), [0, 1.959964, -1.833915], 5);
  });
});

const rule = (type: string, bound: string | null = null, choices: Value[] | null = null) => ({ type, bound, choices });
const SITE = {
  version: 1,
  defaults: {
    data: "ring",
    points: "",
    standardize: false,
    latent_dim: 2,
    width_d: 128,
    norm_d: "none",
    condition: "none",
    loss: "nonsaturating",
    real_target: 1,
    penalty: "none",
    penalty_weight: 1,
    optimizer: "adam",
    lr_g: 1e-3,
    n_critic: 1,
    seed: 0,
  },
  rules: {
    data: rule("str", null, ["ring", "two_moons", "drawn", "digits"]),
    points: rule("str"),
    standardize: rule("bool"),
    latent_dim: rule("int", "positive"),
    width_d: { ...rule("int", "positive"), most: 4096 },
    norm_d: rule("str", null, ["none", "batch", "spectral"]),
    condition: rule("str", null, ["none", "auxiliary"]),
    loss: rule("str", null, ["nonsaturating", "hinge", "minimax"]),
    real_target: rule("float"),
    penalty: rule("str", null, ["none", "r1"]),
    penalty_weight: rule("float", "not negative"),
    optimizer: rule("str", null, ["adam", "sgd"]),
    lr_g: rule("float", "positive"),
    n_critic: rule("int", "positive"),
    seed: rule("int", "not negative"),
  },
  presets: [],
  controls: [{ field: "n_critic", max: 10 }],
  sources: { ring: RING, two_moons: { kind: "curve", curve: "two_moons", sigma: 0.05 } },
  classes: { ring: 8 },
  architecture: { G: ["latent_dim"], D: ["width_d", "norm_d"] },
  bundles: [{ key: "abc", match: { width_d: 128 }, sample: [2], latents: [1, 2, 3] }],
} as unknown as Site;

describe("recipes on the page", () => {
  const recipe = (changes: Recipe = {}) => checked(changes, SITE);

  it("reads bf16 of an earlier version's links as precision", () => {
    const SITE_WITH = { ...SITE, defaults: { ...SITE.defaults, precision: "float32" } };
    SITE_WITH.rules = {
      ...SITE.rules,
      precision: { type: "str", choices: ["auto", "float32", "bfloat16"], bound: null, most: null },
    };
    expect(checked({ bf16: true }, SITE_WITH).precision).toBe("auto");
    expect(checked({ bf16: false }, SITE_WITH).precision).toBe("float32");
    expect(() => checked({ bf16: true, precision: "auto" }, SITE_WITH)).toThrowError("no field 'bf16'");
  });

  it("go into a link and come back, as Python writes it", () => {
    const changed = recipe({ loss: "hinge", lr_g: 1e-5, penalty_weight: 3, seed: 4, n_critic: 2 });
    const link = toLink(changed, SITE);
    expect(atob(link.slice(5))).toBe('{"loss":"hinge","penalty_weight":3.0,"lr_g":1e-05,"n_critic":2,"seed":4}');
    expect(fromLink(`${link}&lock=loss,seed&hide=lr_g&at=1`, SITE)).toEqual({
      recipe: changed,
      lock: ["loss", "seed"],
      hide: ["lr_g"],
      at: 1,
    });
  });

  it.each([
    ["#lab=", "damaged"],
    ["#lab=%%%", "damaged"],
    ["#other", "must begin with #lab="],
    [`#lab=${"A".repeat(5000)}`, "at most 4000"],
    [`#lab=${btoa("[1]")}`, "holds no recipe"],
    [`#lab=${btoa('{"nonsense":1}')}`, "no field 'nonsense'"],
    [`#lab=${btoa('{"__proto__":{"a":1}}')}`, "no field '__proto__'"],
    [`#lab=${btoa('{"constructor":1}')}`, "no field 'constructor'"],
    [`#lab=${btoa('{"lr_g":-1}')}`, "lr_g must be positive, got -1"],
    [`#lab=${btoa('{"lr_g":"<img src=x>"}')}`, "lr_g must be a finite number"],
    [`#lab=${btoa('{"n_critic":1.5}')}`, "n_critic must be a whole number, got 1.5"],
    [`#lab=${btoa('{"n_critic":1e9}')}`, "n_critic must be at most"],
    [`#lab=${btoa('{"width_d":4097}')}`, "width_d must be at most 4096, got 4097"],
    [`#lab=${btoa('{"loss":"bce"}')}`, "loss must be one of nonsaturating, hinge, minimax"],
    [`#lab=${btoa('{"real_target":0.9,"loss":"hinge"}')}`, "label smoothing needs the loss"],
    [`#lab=${btoa('{"data":"drawn"}')}`, "points must hold"],
    [`#lab=${btoa('{"data":"drawn","points":"1,2;3"}')}`, "points must be at most"],
    [`#lab=${btoa("{}")}&lock=all`, "a setting that does not exist"],
  ])("are refused from %s", (fragment, words) => {
    expect(() => fromLink(fragment.replaceAll("+", "-").replaceAll("/", "_"), SITE)).toThrowError(Refusal);
    expect(() => fromLink(fragment, SITE)).toThrowError(words);
  });

  it("find their programs, or none", () => {
    expect(bundleOf(recipe(), SITE)).toBe("abc");
    expect(bundleOf(recipe({ width_d: 64 }), SITE)).toBeNull();
    expect(bundleOf(recipe({ latent_dim: 9 }), SITE)).toBeNull();
    expect(bundleOf(recipe({ data: "drawn", points: "0,0 1,1" }), SITE)).toBe("abc");
  });

  it("say what must be built anew", () => {
    expect(rebuilt(recipe(), recipe({ loss: "hinge", seed: 3 }), SITE)).toEqual([]);
    expect(rebuilt(recipe(), recipe({ latent_dim: 3 }), SITE)).toEqual(["G"]);
    expect(rebuilt(recipe(), recipe({ data: "two_moons", width_d: 64 }), SITE)).toEqual(["data", "D"]);
    expect(adapted(recipe({ data: "drawn", points: "0,0" }), { data: "ring" }, SITE).points).toBe("");
  });

  it("read drawn places", () => {
    expect(placesOf("0.5,-1 2,3.25")).toEqual([
      [0.5, -1],
      [2, 3.25],
    ]);
    for (const bad of ["", "1", "1,2 ", "1,11", "a,b", "1e3,0", "0,0 ".repeat(151).trim()]) {
      expect(() => placesOf(bad)).toThrowError(Refusal);
    }
  });

  it("are written down as the program that repeats the session", () => {
    const journal = new Journal(recipe({ seed: 4 }), SITE);
    journal.steered(100, recipe({ seed: 4 }), recipe({ seed: 4, lr_g: 0.01 }));
    journal.steered(100, recipe({ seed: 4, lr_g: 0.01 }), recipe({ seed: 4, loss: "hinge" }));
    journal.single(150, "d");
    expect(journal.recipe).toEqual(recipe({ seed: 4, loss: "hinge" }));
    expect(journal.program(200).split("\n").slice(4)).toEqual([
      "recipe = recipes.Recipe(seed=4)",
      "game = recipes.build(recipes.without_end(recipe))",
      "",
      "recipes.play(game, until=100)",
      "recipe = replace(recipe, loss='hinge')",
      "game = recipes.steer(game, recipes.without_end(recipe))",
      "recipes.play(game, until=150)",
      "recipes.step_d(game)",
      "recipes.play(game, until=200)",
      "",
    ]);
  });

  const paths: [string, Recipe[], number][] = [
    ["moments that are gone", [{ optimizer: "sgd" }, { optimizer: "adam" }], 2],
    ["networks from the first seed", [{ width_d: 64 }, { seed: 5 }], 2],
    ["networks that are gone", [{ lr_g: 0.1 }, { width_d: 64 }, { width_d: 128 }, { lr_g: 0.001 }], 4],
    ["a new rate after a new optimiser", [{ optimizer: "sgd" }, { lr_g: 0.1 }, { lr_g: 0.2 }], 2],
    ["rates alone", [{ lr_g: 0.1 }, { lr_g: 0.2 }, { loss: "hinge" }], 1],
    ["changes that undo each other", [{ lr_g: 0.1 }, { lr_g: 0.001 }], 0],
  ];
  it.each(paths)("are written one by one at one step if state is lost: %s", (_name, path, steered) => {
    const journal = new Journal(recipe(), SITE);
    let now = recipe();
    for (const changed of path) {
      const next = recipe({ ...now, ...changed });
      journal.steered(30, now, next);
      now = next;
    }
    expect(journal.recipe).toEqual(now);
    const lines = journal.program(35).split("\n");
    expect(lines.filter((line) => line.startsWith("game = recipes.steer"))).toHaveLength(steered);
    expect(lines).not.toContain("recipe = replace(recipe, )");
  });
});

describe("momentum on the page", () => {
  it("is kept and begun as torch.optim.SGD does when the slider goes to 0 and back", () => {
    const block = () => ({ at: [0] });
    const held = { theta: block(), state_0: block(), state_1: block(), buffers: block() };
    const next = { theta: block(), state_0: block(), state_1: block(), buffers: block() };
    const player = { held, next, grad: block(), norm: block(), steps: 0 };
    const recipe = { optimizer: "sgd", beta1: 0, beta2: 0.9 };
    let knobs: number[] = [];
    type Blocks = Record<string, { at: number[] }>;
    const machine = {
      spec: () => ({ outputs: [{ name: "theta" }, { name: "state_0" }, { name: "norm" }] }),
      run: (_: string, from: Blocks, to: Blocks) => {
        const [lr, momentum, first] = knobs as [number, number, number];
        const velocity = (1 - first) * momentum * from.state_0!.at[0]! + from.grad!.at[0]!;
        to.state_0!.at[0] = velocity;
        to.theta!.at[0] = from.theta!.at[0]! - lr * velocity;
      },
    };
    const numbers = (_: string, values: number[]) => {
      knobs = values;
    };
    const descend = (Game.prototype as unknown as { descend: (...a: unknown[]) => void }).descend;
    const step = (beta1: number, gradient: number) => {
      recipe.beta1 = beta1;
      player.grad.at[0] = gradient;
      descend.call({ machine, recipe, players: { G: player }, numbers }, "G", 1, 9);
      return player.held.theta.at[0];
    };
    // torch.optim.SGD(lr=1), momentum set as below before each step, gradients 1, 2, 4, 8, 16, 32:
    expect([step(0, 1), step(0.5, 2), step(0.5, 4), step(0, 8), step(0.5, 16), step(0.5, 32)]).toEqual([
      -1, -3, -8, -16, -34.5, -75.75,
    ]);
  });
});
