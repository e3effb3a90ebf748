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

/* R rows and 4 V columns of C; a advances by (row, step), b is row-major with ldb. */
#define BLOCK(NAME, R, V)                                                                                            \
  static inline __attribute__((always_inline)) void NAME(                                                            \
      const float *restrict a, int row, int step, const float *restrict b, int ldb, const float *bias,               \
      float *restrict c, int ldc, int inner) {                                                                       \
    vec sum[R][V];                                                                                                   \
    _Pragma("unroll") for (int j = 0; j < V; ++j) {                                                                  \
      vec first = bias ? load(bias + 4 * j) : splat(0);                                                              \
      _Pragma("unroll") for (int i = 0; i < R; ++i) sum[i][j] = first;                                               \
    }                                                                                                                \
    for (int k = 0; k < inner; ++k, a += step, b += ldb) {                                                           \
      vec right[V];                                                                                                  \
      _Pragma("unroll") for (int j = 0; j < V; ++j) right[j] = load(b + 4 * j);                                      \
      _Pragma("unroll") for (int i = 0; i < R; ++i) {                                                                \
        vec left = splat(a[i * row]);                                                                                \
        _Pragma("unroll") for (int j = 0; j < V; ++j) sum[i][j] += left * right[j];                                  \
      }                                                                                                              \
    }                                                                                                                \
    _Pragma("unroll") for (int i = 0; i < R; ++i)                                                                    \
      _Pragma("unroll") for (int j = 0; j < V; ++j) store(c + i * ldc + 4 * j, sum[i][j]);                           \
  }
BLOCK(block_4_2, 4, 2)
BLOCK(block_1_2, 1, 2)
BLOCK(block_4_1, 4, 1)
BLOCK(block_1_1, 1, 1)

/* C (m, n) = A B + bias; A is read at a[i row + k step], B is (k, n) row-major. */
KERNEL void product(const float *restrict a, int row, int step, const float *restrict b, const float *bias,
                    float *restrict c, int m, int n, int inner) {
  int j = 0;
  for (; j + 8 <= n; j += 8) {
    const float *first = bias ? bias + j : 0;
    int i = 0;
    for (; i + 4 <= m; i += 4) block_4_2(a + i * row, row, step, b + j, n, first, c + i * n + j, n, inner);
    for (; i < m; ++i) block_1_2(a + i * row, row, step, b + j, n, first, c + i * n + j, n, inner);
  }
  for (; j + 4 <= n; j += 4) {
    const float *first = bias ? bias + j : 0;
    int i = 0;
    for (; i + 4 <= m; i += 4) block_4_1(a + i * row, row, step, b + j, n, first, c + i * n + j, n, inner);
    for (; i < m; ++i) block_1_1(a + i * row, row, step, b + j, n, first, c + i * n + j, n, inner);
  }
  for (; j < n; ++j)
    for (int i = 0; i < m; ++i) {
      float sum = bias ? bias[j] : 0;
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
    product(b, turn_b ? inner : 1, turn_b ? 1 : n, a, 0, n == 1 ? c : flipped, n, m, inner);
    if (n > 1) transpose(flipped, c, n, m);
  } else {
    if (turn_b && inner > 1) {
      transpose(b, turned, n, inner);
      b = turned;
    }
    product(a, turn_a ? 1 : inner, turn_a ? m : 1, b, bias, c, m, n, inner);
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
