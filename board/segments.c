/*
 * The screen's characters: which of 14 segments light for each, and which pixels a segment has.
 *
 *     _a_        h i j: from the upper corners and the middle of the top to the centre
 *   f|hij|b      g1 g2: the two halves of the middle bar
 *    |g g|       m l k: from the centre to the lower corners and the middle of the bottom
 *   e|mlk|c
 *    |_d_|
 */
#include "segments.h"

#include <stdbool.h>
#include <stddef.h>

enum {
  A = 1 << 0,
  B = 1 << 1,
  C = 1 << 2,
  D = 1 << 3,
  E = 1 << 4,
  F = 1 << 5,
  G1 = 1 << 6,
  G2 = 1 << 7,
  H = 1 << 8,
  I = 1 << 9,
  J = 1 << 10,
  K = 1 << 11,
  L = 1 << 12,
  M = 1 << 13,
  G = G1 | G2,
};

#define FIRST ' '

/* 0 is crossed and S bent, so that no letter looks like a digit. */
static const uint16_t segments[] = {
    ['*' - FIRST] = G | H | I | J | K | L | M,
    ['0' - FIRST] = A | B | C | D | E | F | J | M,
    ['1' - FIRST] = B | C | J,
    ['2' - FIRST] = A | B | G | E | D,
    ['3' - FIRST] = A | B | C | D | G2,
    ['4' - FIRST] = F | G | B | C,
    ['5' - FIRST] = A | F | G | C | D,
    ['6' - FIRST] = A | F | G | C | D | E,
    ['7' - FIRST] = A | B | C,
    ['8' - FIRST] = A | B | C | D | E | F | G,
    ['9' - FIRST] = A | B | C | D | F | G,
    ['>' - FIRST] = H | M,
    ['A' - FIRST] = A | B | C | E | F | G,
    ['B' - FIRST] = A | B | C | D | I | L | G2,
    ['C' - FIRST] = A | D | E | F,
    ['D' - FIRST] = A | B | C | D | I | L,
    ['E' - FIRST] = A | D | E | F | G,
    ['F' - FIRST] = A | E | F | G,
    ['G' - FIRST] = A | C | D | E | F | G2,
    ['H' - FIRST] = B | C | E | F | G,
    ['I' - FIRST] = A | D | I | L,
    ['J' - FIRST] = B | C | D | E,
    ['K' - FIRST] = E | F | G1 | J | K,
    ['L' - FIRST] = D | E | F,
    ['M' - FIRST] = B | C | E | F | H | J,
    ['N' - FIRST] = B | C | E | F | H | K,
    ['O' - FIRST] = A | B | C | D | E | F,
    ['P' - FIRST] = A | B | E | F | G,
    ['Q' - FIRST] = A | B | C | D | E | F | K,
    ['R' - FIRST] = A | B | E | F | G | K,
    ['S' - FIRST] = A | H | G2 | C | D,
    ['T' - FIRST] = A | I | L,
    ['U' - FIRST] = B | C | D | E | F,
    ['V' - FIRST] = E | F | M | J,
    ['W' - FIRST] = B | C | E | F | M | K,
    ['X' - FIRST] = H | J | M | K,
    ['Y' - FIRST] = H | J | L,
    ['Z' - FIRST] = A | J | M | D,
};

/* A character has 12 columns, with a margin of two on each side. */
#define MARGIN 2u
#define WIDTH 12u
#define MIDDLE (WIDTH / 2)

#define ROWS(first, last) ((2u << (last)) - (1u << (first)))
#define TOP ROWS(1, 2)
#define CENTRE ROWS(15, 16)
#define BOTTOM ROWS(29, 30)
#define UPPER ROWS(3, 14)
#define LOWER ROWS(17, 28)

static uint32_t segments_of(uint8_t character) {
  const size_t place = (size_t)character - FIRST;
  return place < sizeof segments / sizeof *segments ? segments[place] : 0;
}

static uint32_t if_lit(uint32_t lit, uint32_t segment, uint32_t rows) {
  return lit & segment ? rows : 0;
}

/* Column `at` of the lit bars. */
static uint32_t bars(uint32_t lit, uint32_t at) {
  const bool inner = at >= 2 && at < WIDTH - 2;
  if (at == 0 || at == WIDTH - 1) return 0;
  return if_lit(lit, A, TOP) | if_lit(lit, D, BOTTOM) |
         (inner ? if_lit(lit, at < MIDDLE ? G1 : G2, CENTRE) : 0);
}

/* A column of two diagonals that meet in the centre, `step` (0 to 2) columns away from their outer ends. */
static uint32_t diagonals(uint32_t lit, uint32_t upper, uint32_t lower, uint32_t step) {
  return if_lit(lit, upper, ROWS(3, 8) << 3 * step) | if_lit(lit, lower, ROWS(23, 28) >> 3 * step);
}

static uint32_t uprights(uint32_t lit, uint32_t upper, uint32_t lower) {
  return if_lit(lit, upper, UPPER) | if_lit(lit, lower, LOWER);
}

uint32_t segments_column(uint8_t character, uint32_t x) {
  const uint32_t lit = segments_of(character);
  const uint32_t at = x - MARGIN;
  if (at >= WIDTH) return 0;
  const uint32_t bar = bars(lit, at);
  if (at < 2) return bar | uprights(lit, F, E);
  if (at < 5) return bar | diagonals(lit, H, M, at - 2);
  if (at < 7) return bar | uprights(lit, I, L);
  if (at < 10) return bar | diagonals(lit, J, K, 9 - at);
  return bar | uprights(lit, B, C);
}
