import { describe, expect, it } from "vitest";
import { arrow, arrowsOf } from "../src/draw/arrows";
import { blend, fieldTable } from "../src/draw/color";
import { colorize, contour } from "../src/draw/field";
import { binned, outline, symmetricRange } from "../src/draw/histogram";
import { cellAt, type ImageLayout, imageAt, imageLayout, imagePixels, sigmoid } from "../src/draw/image_grid";
import { curve, firstCoordinates, niceTicks } from "../src/draw/line";
import { area, quads } from "../src/draw/manifold";
import { between } from "../src/draw/scatter";
import { extentOf, viewport, WITHIN } from "../src/draw/viewport";
import { PALETTES } from "../src/theme";
import { CLASSES } from "./synthetic";

describe("viewport", () => {
  it("keeps scales equal, centres, and lets y grow upwards", () => {
    const view = viewport([-1, 1, -1, 1], 200, 400);
    expect([view.x(-1), view.x(1), view.y(1), view.y(-1)]).toEqual([0, 200, 100, 300]);
    expect(view.scale).toBe(100);
  });

  it("cuts off margin, but no data, above and below in a low picture", () => {
    const view = viewport([-1, 1, -1, 1], 400, 200);
    expect(view.y(1)).toBeLessThan(0);
    expect(view.y(WITHIN)).toBeCloseTo(0);
    expect(view.x(-1)).toBeGreaterThan(0);
    expect(viewport([-1, 1, -1, 1], 400, 312).x(-1)).toBe(0);
  });

  it("finds a square around points, and one where there are none", () => {
    const [x0, x1, y0, y1] = extentOf(Float32Array.of(0, 0, 10, 2));
    expect(x1 - x0).toBeCloseTo(12);
    expect(y1 - y0).toBeCloseTo(12);
    expect((y0 + y1) / 2).toBeCloseTo(1);
    expect(extentOf(new Float32Array())).toEqual([-1, 1, -1, 1]);
  });
});

describe("colours", () => {
  it("run from generated over neutral to real in both themes", () => {
    for (const { field } of Object.values(PALETTES)) {
      expect(blend(field, 0)).toEqual(field[0]);
      expect(blend(field, 0.5)).toEqual(field[2]);
      expect(blend(field, 1)).toEqual(field[4]);
      expect(field[0][0]).toBeGreaterThan(field[0][2]);
      expect(field[4][2]).toBeGreaterThan(field[4][0]);
    }
  });

  it("turn a field into opaque pixels", () => {
    const table = fieldTable(PALETTES.light.field);
    const pixels = colorize(Uint8Array.of(0, 255), table);
    expect([...pixels]).toEqual([...PALETTES.light.field[0], 255, ...PALETTES.light.field[4], 255]);
  });
});

describe("contour", () => {
  it("cuts a ramp at its level, between grid points", () => {
    const ramp = Uint8Array.of(0, 100, 200, 0, 100, 200);
    expect([...contour(ramp, 3, 2, 150)]).toEqual([2, 0.5, 2, 1.5]);
  });

  it("closes around a peak and finds nothing in a plain", () => {
    const peak = Uint8Array.of(0, 0, 0, 0, 200, 0, 0, 0, 0);
    const lines = contour(peak, 3, 3, 100);
    expect(lines.length).toBe(16);
    const ends = Array.from({ length: 8 }, (_, i) => `${lines[2 * i]} ${lines[2 * i + 1]}`).sort();
    for (let i = 0; i < 8; i += 2) expect(ends[i]).toBe(ends[i + 1]);
    expect(contour(new Uint8Array(9).fill(7), 3, 3, 100).length).toBe(0);
  });

  it("draws two lines through a saddle", () => {
    expect(contour(Uint8Array.of(200, 0, 0, 200), 2, 2, 90).length).toBe(8);
  });
});

describe("arrows", () => {
  it("point from a sample along its row, y upwards", () => {
    const view = viewport([0, 10, 0, 10], 100, 100);
    const [one] = arrowsOf(Float32Array.of(1, 1, 2, 3), view);
    expect(one!.from).toEqual([10, 90]);
    expect(one!.to).toEqual([30, 60]);
  });

  it("have a head no longer than themselves and behind the tip", () => {
    const short = arrow(0, 0, 3, 0)!;
    for (const [x, y] of short.barbs) {
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(3);
      expect(Math.abs(y)).toBeLessThan(1.5);
    }
    expect(short.barbs[0][1]).toBeCloseTo(-short.barbs[1][1]);
  });

  it("are left out where nothing could be seen, and where they are not numbers", () => {
    expect(arrow(0, 0, 1, 1)).toBeNull();
    expect(arrow(0, 0, Number.NaN, 1)).toBeNull();
  });
});

describe("manifold", () => {
  it("has (k - 1)^2 cells, darker where they are smaller", () => {
    const grid = Float32Array.of(0, 0, 0, 1, 0, 1.1, 1, 0, 1, 1, 1, 1.1, 2, 0, 2, 1, 2, 1.1);
    const cells = quads(grid, 3, viewport([0, 2, 0, 2], 400, 400));
    expect(cells.length).toBe(4);
    expect(area(cells[0]!.corners)).toBeCloseTo(200 * 200);
    expect(cells[1]!.opacity).toBeGreaterThan(cells[0]!.opacity);
  });

  it("measures areas of either orientation", () => {
    expect(
      area([
        [0, 0],
        [2, 0],
        [2, 3],
        [0, 3],
      ]),
    ).toBe(6);
    expect(
      area([
        [0, 3],
        [2, 3],
        [2, 0],
        [0, 0],
      ]),
    ).toBe(6);
  });
});

describe("histograms", () => {
  it("hold all finite values, those outside at the ends", () => {
    const bins = binned(Float32Array.of(-9, -0.5, 0.5, 0.6, 9, Number.NaN), -1, 1, 2);
    expect(bins.shares).toEqual([0.4, 0.6]);
  });

  it("have a symmetric round range that ignores a single outlier", () => {
    const sample = Float32Array.from({ length: 200 }, (_, i) => (i - 100) / 50);
    sample[0] = -1000;
    expect(symmetricRange(sample)).toBe(5);
    expect(symmetricRange(new Float32Array())).toBe(2);
  });

  it("have an outline from base to base", () => {
    const box = { left: 0, right: 20, top: 0, bottom: 10 };
    const corners = outline({ low: 0, high: 1, shares: [0.5, 0.25] }, box, 0.5);
    expect(corners).toEqual([
      [0, 10],
      [0, 0],
      [10, 0],
      [10, 5],
      [20, 5],
      [20, 10],
    ]);
  });
});

describe("image grids", () => {
  const right = (layout: ImageLayout) => {
    const { real } = layout;
    return cellAt(layout, real, real.columns - 1)[0] + layout.side;
  };

  it("stand side by side with images of one size inside the width", () => {
    const layout = imageLayout(516, 900, 64, 64);
    expect([layout.fake.columns, layout.fake.rows, layout.real.columns, layout.real.rows]).toEqual([8, 8, 4, 8]);
    expect(right(layout)).toBeLessThanOrEqual(516);
    expect(cellAt(layout, layout.real, 0)[0]).toBeGreaterThan(cellAt(layout, layout.fake, 7)[0] + layout.side);
    expect(imageAt(layout.real, 5)).toBe(5);
  });

  it("fit a phone in both directions, with two columns of real ones", () => {
    const layout = imageLayout(336, 311, 36, 36);
    expect([layout.fake.columns, layout.real.columns]).toEqual([6, 2]);
    expect(right(layout)).toBeLessThanOrEqual(336);
    expect(layout.height).toBeLessThanOrEqual(311);
  });

  it("have a row for each class behind its name", () => {
    const layout = imageLayout(516, 600, 60, 60, CLASSES);
    expect([layout.fake.columns, layout.fake.rows, layout.real.columns, layout.real.rows]).toEqual([6, 10, 3, 10]);
    expect(layout.fake.left).toBeGreaterThan(60);
    expect(right(layout)).toBeLessThanOrEqual(516);
    expect([0, 2, 3, 4].map((place) => imageAt(layout.real, place))).toEqual([0, 2, 6, 7]);
  });

  it("are the same in the height that they asked for", () => {
    for (const most of [200, 311, 430, 620, Number.POSITIVE_INFINITY]) {
      const layout = imageLayout(436, most, 60, 60, CLASSES);
      expect(imageLayout(436, layout.height, 60, 60, CLASSES)).toEqual(layout);
    }
  });

  it("take grey and colour bytes", () => {
    const grey = { shape: [2, 1, 1, 1], data: Uint8Array.of(7, 9) };
    expect([...imagePixels(grey, 1)]).toEqual([9, 9, 9, 255]);
    const colour = { shape: [1, 1, 2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect([...imagePixels(colour, 0)]).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
  });

  it("show D's verdict as a share", () => {
    expect(sigmoid(0)).toBe(0.5);
    expect(sigmoid(4)).toBeGreaterThan(0.98);
    expect(sigmoid(-800)).toBe(0);
  });
});

describe("the line", () => {
  it("takes (n,), (n, 1) and (n, 2)", () => {
    const data = Float32Array.of(1, 2, 3, 4);
    expect(firstCoordinates({ shape: [4], data })).toBe(data);
    expect(firstCoordinates({ shape: [4, 1], data })).toBe(data);
    expect([...firstCoordinates({ shape: [2, 2], data })]).toEqual([1, 3]);
  });

  it("draws 255 as 1", () => {
    const box = { left: 0, right: 10, top: 0, bottom: 100 };
    expect(curve(Uint8Array.of(0, 255), box)).toEqual([
      [2.5, 100],
      [7.5, 0],
    ]);
  });

  it("has round ticks", () => {
    expect(niceTicks(-2, 9, 6)).toEqual([-2, 0, 2, 4, 6, 8]);
    expect(niceTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  });
});

describe("points between frames", () => {
  it("move in a straight line, and jump if their number changed", () => {
    const [a, b] = [Float32Array.of(0, 0), Float32Array.of(1, -2)];
    expect([...between(a, b, 0.5)]).toEqual([0.5, -1]);
    expect(between(a, b, 1)).toBe(b);
    expect(between(Float32Array.of(0), b, 0.5)).toBe(b);
  });
});
