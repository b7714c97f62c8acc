// Code 128 (ISO/IEC 15417) as the widths of its bars and spaces.

export interface Bar {
  /** Distance from the left edge of the first bar, in modules. */
  readonly at: number;
  readonly width: number;
}

export interface Symbol128 {
  readonly bars: readonly Bar[];
  /** Width of the whole symbol without the quiet zones, in modules. */
  readonly width: number;
}

/** White space to the left and right of a symbol, in modules. */
export const QUIET_ZONE = 10;

/** Returns a function that makes the symbol of a text. */
export async function code128(): Promise<(text: string) => Symbol128> {
  // The export named `raw` is a different function, which draws.
  const { default: bwip } = await import("bwip-js");
  return (text) => {
    const [symbol] = bwip.raw("code128", text, "");
    if (!symbol || !("sbs" in symbol)) throw new Error("bwip-js made no bars");
    return barsOf(symbol.sbs);
  };
}

/** The bars of a symbol from its widths, which alternate between bars and spaces. */
function barsOf(widths: readonly number[]): Symbol128 {
  const bars: Bar[] = [];
  let at = 0;
  for (const [index, width] of widths.entries()) {
    if (index % 2 === 0) bars.push({ at, width });
    at += width;
  }
  return { bars, width: at };
}
