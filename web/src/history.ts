// The curves so far: losses and gradient norms of every turn, thinned when they grow long.

export const COLUMNS = 5;

export interface Series {
  step: number[];
  loss_d: number[];
  loss_g: number[];
  grad_d: number[];
  grad_g: number[];
}

export class History {
  private rows: number[][] = [];
  /** Of the rows that came, one in `every` is kept. */
  every = 1;
  private skipped = 0;

  constructor(private readonly capacity = 3000) {}

  get last(): number {
    return this.rows.at(-1)?.[0] ?? -1;
  }

  get length(): number {
    return this.rows.length;
  }

  /** Adds rows (n, 5) of step, loss_d, loss_g, grad_d, grad_g. A row of the last step replaces it: D or G alone moved;
   *  older rows are a repetition. */
  add(data: Float32Array): void {
    for (let i = 0; i + COLUMNS <= data.length; i += COLUMNS) {
      const row = [...data.subarray(i, i + COLUMNS)];
      if (row[0]! < this.last) continue;
      if (row[0] === this.last) {
        if (this.skipped === 0) this.rows[this.rows.length - 1] = row;
        continue;
      }
      this.skipped += 1;
      if (this.skipped < this.every) continue;
      this.skipped = 0;
      this.rows.push(row);
      if (this.rows.length > this.capacity) this.thin();
    }
  }

  /** Forgets what came after a step: the run went back to it. */
  rewind(step: number): void {
    this.rows = this.rows.filter((row) => row[0]! <= step);
    if (this.rows.length === 0) this.every = 1;
    this.skipped = 0;
  }

  private thin(): void {
    const last = this.rows.length - 1;
    this.rows = this.rows.filter((_, i) => (last - i) % 2 === 0);
    this.every *= 2;
  }

  series(): Series {
    const column = (k: number) => this.rows.map((row) => row[k]!);
    return { step: column(0), loss_d: column(1), loss_g: column(2), grad_d: column(3), grad_g: column(4) };
  }
}
