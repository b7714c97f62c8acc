// The common style of the pictures of the board.

export const FONTS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
/** The colours of the screen: dark, and lit. */
export const GLASS = "#05070c";
export const LIT = "#bfe3ff";
