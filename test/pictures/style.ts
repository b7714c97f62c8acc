// What the pictures of the board have in common.

export const FONTS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif";
/** The screen: dark, and lit. */
export const GLASS = "#05070c";
export const LIT = "#bfe3ff";
