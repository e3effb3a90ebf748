/* What the compiled programs spend their time in: a register-blocked matrix product on 128-bit vectors, convolutions
   made of it, sums. Matrices are row-major; every product is C = op(A) op(B) + bias. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <wasm_simd128.h>

#define KERNEL static __attribute__((noinline))
typedef float vec __attribute__((vector_size(16), aligned(4)));

static inline vec load(const float *p) { return *(const vec *)p; }
static inline void store(float *p, vec v) { *(vec *)p = v; }
static inline vec splat(float x) { return (vec){x, x, x, x}; }
static inline float total(vec v) { return (v[0] + v[1]) + (v[2] + v[3]); }

KERNEL void transpose(const float *restrict a, float *restrict out, int rows, int columns) {
  for (int i = 0; i < rows; i += 8)
    for (int j = 0; j < columns; ++j)
      for (int k = i; k < i + 8 && k < rows; ++k) out[j * rows + k] = a[k * columns + j];
}

/* R rows and 4 V columns of C; a advances by (row, step), b is row-major with n columns, as c. */
#define BLOCK(NAME, R, V)                                                                                            \
  static inline __attribute__((always_inline)) void NAME(                                                            \
      const float *restrict a, int row, int step, const float *restrict b, const float *bias, int keep,              \
      float *restrict c, int n, int inner) {                                                                         \
    vec sum[R][V];                                                                                                   \
    _Pragma("unroll") for (int i = 0; i < R; ++i)                                                                    \
      _Pragma("unroll") for (int j = 0; j < V; ++j)                                                                  \
        sum[i][j] = keep ? load(c + i * n + 4 * j) : bias ? load(bias + 4 * j) : splat(0);                           \
    for (int k = 0; k < inner; ++k, a += step, b += n) {                                                             \
      vec right[V];                                                                                                  \
      _Pragma("unroll") for (int j = 0; j < V; ++j) right[j] = load(b + 4 * j);                                      \
      _Pragma("unroll") for (int i = 0; i < R; ++i) {                                                                \
        vec left = splat(a[i * row]);                                                                                \
        _Pragma("unroll") for (int j = 0; j < V; ++j) sum[i][j] += left * right[j];                                  \
      }                                                                                                              \
    }                                                                                                                \
    _Pragma("unroll") for (int i = 0; i < R; ++i)                                                                    \
      _Pragma("unroll") for (int j = 0; j < V; ++j) store(c + i * n + 4 * j, sum[i][j]);                             \
  }
BLOCK(block_4_2, 4, 2)
BLOCK(block_1_2, 1, 2)
BLOCK(block_4_1, 4, 1)
BLOCK(block_1_1, 1, 1)

/* C (m, n) = A B + bias, or + C if `keep`; A is read at a[i row + k step], B is (k, n) row-major. */
KERNEL void product(const float *restrict a, int row, int step, const float *restrict b, const float *bias, int keep,
                    float *restrict c, int m, int n, int inner) {
  int j = 0, i;
  while (n - j >= 8 || (n - j > 4 && n >= 8 && !keep)) {
    if (n - j < 8) j = n - 8; /* the last columns once more, to fill the vectors */
    const float *first = bias ? bias + j : 0;
    for (i = 0; i + 4 <= m; i += 4) block_4_2(a + i * row, row, step, b + j, first, keep, c + i * n + j, n, inner);
    for (; i < m; ++i) block_1_2(a + i * row, row, step, b + j, first, keep, c + i * n + j, n, inner);
    j += 8;
  }
  while (n - j >= 4 || (n > j && n >= 4 && !keep)) {
    if (n - j < 4) j = n - 4;
    const float *first = bias ? bias + j : 0;
    for (i = 0; i + 4 <= m; i += 4) block_4_1(a + i * row, row, step, b + j, first, keep, c + i * n + j, n, inner);
    for (; i < m; ++i) block_1_1(a + i * row, row, step, b + j, first, keep, c + i * n + j, n, inner);
    j += 4;
  }
  for (; j < n; ++j)
    for (i = 0; i < m; ++i) {
      float sum = keep ? c[i * n + j] : bias ? bias[j] : 0;
      for (int k = 0; k < inner; ++k) sum += a[i * row + k * step] * b[k * n + j];
      c[i * n + j] = sum;
    }
}

/* C (m, n) of few columns, from A (m, inner) and B^T (n, inner), both with contiguous rows: sums along the rows. */
KERNEL void along_rows(const float *restrict a, const float *restrict b, const float *bias, float *restrict c, int m,
                       int n, int inner) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      const float *x = a + i * inner, *y = b + j * inner;
      vec sum = splat(0);
      int k = 0;
      for (; k + 4 <= inner; k += 4) sum += load(x + k) * load(y + k);
      float rest = bias ? bias[j] : 0;
      for (; k < inner; ++k) rest += x[k] * y[k];
      c[i * n + j] = rest + total(sum);
    }
}

static float turned[SCRATCH], columns[SCRATCH];

/* C (m, n) = op(A) op(B) + bias, with A (m, k), or (k, m) if turn_a, and B (k, n), or (n, k) if turn_b. */
KERNEL void matmul(const float *a, int turn_a, const float *b, int turn_b, const float *bias, float *c, int m, int n,
                   int inner) {
  if (n < 4 && !turn_a) {
    if (!turn_b && n > 1) transpose(b, turned, inner, n);
    along_rows(a, turn_b || n == 1 ? b : turned, bias, c, m, n, inner);
  } else if (n < 4 && m >= 4 && !bias) { /* C^T = B^T A has long rows */
    float *flipped = columns;
    product(b, turn_b ? inner : 1, turn_b ? 1 : n, a, 0, 0, n == 1 ? c : flipped, n, m, inner);
    if (n > 1) transpose(flipped, c, n, m);
  } else {
    if (turn_b && inner > 1) {
      transpose(b, turned, n, inner);
      b = turned;
    }
    product(a, turn_a ? 1 : inner, turn_a ? m : 1, b, bias, 0, c, m, n, inner);
  }
}

/* out (outer, inner) = scale * sum over the middle of x (outer, middle, inner). */
KERNEL void reduce(const float *restrict x, float *restrict out, int outer, int middle, int inner, float scale) {
  for (int o = 0; o < outer; ++o, x += middle * inner, out += inner) {
    if (inner == 1) {
      vec sum[4] = {splat(0), splat(0), splat(0), splat(0)};
      int k = 0;
      for (; k + 16 <= middle; k += 16)
        for (int q = 0; q < 4; ++q) sum[q] += load(x + k + 4 * q);
      float rest = 0;
      for (; k < middle; ++k) rest += x[k];
      *out = (rest + total((sum[0] + sum[1]) + (sum[2] + sum[3]))) * scale;
    } else {
      for (int i = 0; i < inner; ++i) out[i] = 0;
      for (int k = 0; k < middle; ++k)
        for (int i = 0; i < inner; ++i) out[i] += x[k * inner + i];
      for (int i = 0; i < inner; ++i) out[i] *= scale;
    }
  }
}

/* out (channels) = scale * sum over samples and places of x (n, channels, places). */
KERNEL void reduce_ends(const float *restrict x, float *restrict out, int n, int channels, int places, float scale) {
  for (int c = 0; c < channels; ++c) {
    float sum = 0, part;
    for (int i = 0; i < n; ++i) {
      reduce(x + (i * channels + c) * places, &part, 1, places, 1, 1);
      sum += part;
    }
    out[c] = sum * scale;
  }
}

/* An image (c, h, w) seen through a kernel (kh, kw) at places (oh, ow). */
typedef struct { int c, h, w, kh, kw, oh, ow, stride, top, left, dilation; } Window;

/* The places [*first, *end) along one axis at which tap j of a kernel sees one of `size` values. */
static inline void seen_at(int j, int size, int places, int stride, int before, int dilation, int *first, int *end) {
  int shift = before - j * dilation; /* place z sees value z stride - shift */
  int last = size - 1 + shift;
  *first = shift > 0 ? (shift + stride - 1) / stride : 0;
  *end = last < 0 ? 0 : last / stride + 1;
  if (*end > places) *end = places;
  if (*first > *end) *first = *end;
}

/* Column p of `out` (c kh kw, oh ow) is what the kernel sees at place p. */
static void gather(const float *restrict x, float *restrict out, Window s) {
  for (int c = 0; c < s.c; ++c)
    for (int i = 0; i < s.kh; ++i)
      for (int j = 0; j < s.kw; ++j) {
        int first, end;
        seen_at(j, s.w, s.ow, s.stride, s.left, s.dilation, &first, &end);
        for (int y = 0; y < s.oh; ++y, out += s.ow) {
          int from = y * s.stride - s.top + i * s.dilation;
          if (from < 0 || from >= s.h) {
            for (int z = 0; z < s.ow; ++z) out[z] = 0;
            continue;
          }
          const float *line = x + (c * s.h + from) * s.w - s.left + j * s.dilation;
          for (int z = 0; z < first; ++z) out[z] = 0;
          if (s.stride == 1)
            for (int z = first; z < end; ++z) out[z] = line[z];
          else
            for (int z = first; z < end; ++z) out[z] = line[z * s.stride];
          for (int z = end; z < s.ow; ++z) out[z] = 0;
        }
      }
}

/* Row p of `out` (oh ow, c kh kw) is what the kernel sees at place p: `gather` turned. */
static void gather_rows(const float *restrict x, float *restrict out, Window s) {
  for (int y = 0; y < s.oh; ++y)
    for (int z = 0; z < s.ow; ++z) {
      int top = y * s.stride - s.top, left = z * s.stride - s.left;
      int inside = top >= 0 && left >= 0 && top + (s.kh - 1) * s.dilation < s.h && left + (s.kw - 1) * s.dilation < s.w;
      for (int c = 0; c < s.c; ++c)
        for (int i = 0; i < s.kh; ++i, out += s.kw) {
          int from = top + i * s.dilation;
          const float *line = x + (c * s.h + from) * s.w + left;
          if (inside)
            for (int j = 0; j < s.kw; ++j) out[j] = line[j * s.dilation];
          else
            for (int j = 0; j < s.kw; ++j) {
              int at = left + j * s.dilation;
              out[j] = from < 0 || from >= s.h || at < 0 || at >= s.w ? 0 : line[j * s.dilation];
            }
        }
    }
}

/* The transpose of `gather`: adds every seen value to its place in x. */
static void scatter(const float *restrict seen, float *restrict x, Window s) {
  for (int c = 0; c < s.c; ++c)
    for (int i = 0; i < s.kh; ++i)
      for (int j = 0; j < s.kw; ++j) {
        int first, end;
        seen_at(j, s.w, s.ow, s.stride, s.left, s.dilation, &first, &end);
        for (int y = 0; y < s.oh; ++y, seen += s.ow) {
          int to = y * s.stride - s.top + i * s.dilation;
          if (to < 0 || to >= s.h) continue;
          float *line = x + (c * s.h + to) * s.w - s.left + j * s.dilation;
          if (s.stride == 1)
            for (int z = first; z < end; ++z) line[z] += seen[z];
          else
            for (int z = first; z < end; ++z) line[z * s.stride] += seen[z];
        }
      }
}

/* out (n, m, oh, ow) from x (n, c, h, w) and weights (m, c, kh, kw). */
KERNEL void convolve(const float *x, const float *weight, const float *bias, float *out, int n, int m, Window s) {
  int places = s.oh * s.ow, seen = s.c * s.kh * s.kw;
  for (; n-- > 0; x += s.c * s.h * s.w, out += m * places) {
    gather(x, columns, s);
    product(weight, seen, 1, columns, 0, 0, out, m, places, seen);
    for (int i = 0; bias && i < m; ++i)
      for (int p = 0; p < places; ++p) out[i * places + p] += bias[i];
  }
}

/* out (n, c, h, w) from x (n, m, oh, ow) and weights (m, c, kh, kw): the transpose of `convolve` in x. */
KERNEL void convolve_back(const float *x, const float *weight, const float *bias, float *out, int n, int m, Window s) {
  int places = s.oh * s.ow, seen = s.c * s.kh * s.kw;
  for (; n-- > 0; x += m * places, out += s.c * s.h * s.w) {
    product(weight, 1, seen, x, 0, 0, columns, seen, places, m);
    for (int c = 0; c < s.c; ++c)
      for (int p = 0; p < s.h * s.w; ++p) out[c * s.h * s.w + p] = bias ? bias[c] : 0;
    scatter(columns, out, s);
  }
}

/* out (c, m, kh, kw) = sum over samples and places of what the kernel sees of x (n, c, h, w) times y (n, m, oh, ow). */
KERNEL void correlate(const float *x, const float *y, float *out, int n, int m, Window s) {
  int places = s.oh * s.ow, seen = s.c * s.kh * s.kw, taps = s.kh * s.kw;
  for (int k = 0; k < n; ++k) {
    gather_rows(x + k * s.c * s.h * s.w, columns, s);
    product(y + k * m * places, places, 1, columns, 0, k > 0, turned, m, seen, places);
  }
  for (int c = 0; c < s.c; ++c)
    for (int i = 0; i < m; ++i) memcpy(out + (c * m + i) * taps, turned + i * seen + c * taps, 4 * taps);
}
