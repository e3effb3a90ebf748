import { describe, expect, it } from "vitest";
import { bytes, decodeArrays, floats } from "../src/protocol";

const view = (data: ArrayBufferView) => new DataView(data.buffer, data.byteOffset, data.byteLength);

describe("decodeArrays", () => {
  it("gives floats and bytes by name, with their shapes", () => {
    const arrays = decodeArrays(
      [
        { name: "real", dtype: "f32", shape: [2, 2] },
        { name: "field", dtype: "u8", shape: [1, 3] },
      ],
      [view(Float32Array.of(1, 2, 3, -4.5)), view(Uint8Array.of(0, 128, 255))],
    );
    expect([...floats(arrays, "real")!.data]).toEqual([1, 2, 3, -4.5]);
    expect(bytes(arrays, "field")).toEqual({ shape: [1, 3], data: Uint8Array.of(0, 128, 255) });
    expect(floats(arrays, "field")).toBeUndefined();
    expect(bytes(arrays, "nothing")).toBeUndefined();
  });

  it("reads floats that start at an odd byte", () => {
    const raw = new Uint8Array(9);
    raw.set(new Uint8Array(Float32Array.of(0.25, -8).buffer), 1);
    const arrays = decodeArrays([{ name: "x", dtype: "f32", shape: [2] }], [new DataView(raw.buffer, 1, 8)]);
    expect([...floats(arrays, "x")!.data]).toEqual([0.25, -8]);
  });

  it("refuses a missing buffer and one of the wrong size, by name", () => {
    const header = { name: "fake", dtype: "f32", shape: [3, 2] } as const;
    expect(() => decodeArrays([{ ...header, shape: [3, 2] }], [])).toThrow('no buffer for "fake"');
    expect(() => decodeArrays([{ ...header, shape: [3, 2] }], [new DataView(new ArrayBuffer(20))])).toThrow(
      '"fake" must have 24 bytes for shape [3,2], got 20',
    );
  });

  it("takes empty arrays", () => {
    const arrays = decodeArrays([{ name: "history", dtype: "f32", shape: [0, 5] }], [new DataView(new ArrayBuffer(0))]);
    expect(floats(arrays, "history")!.data.length).toBe(0);
  });
});
