// The colours. All are in the 256-colour palette, so that blessed hits them exactly.

import type { Style } from "./canvas.js";

const BODY = "#262626";

export const theme = {
  text: {},
  faint: { fg: "#8a8a8a" },
  strong: { bold: true },
  good: { fg: "#87d787", bold: true },
  bad: { fg: "#ff5f5f", bold: true },
  frame: { fg: "#6c6c6c" },
  focusedFrame: { fg: "#ffd75f" },
  field: { fg: "#eeeeee", bg: "#3a3a3a" },
  activeField: { fg: "#ffffff", bg: "#005f87", bold: true },
  bar: { fg: "#d0d0d0", bg: "#303030" },
  barKey: { fg: "#ffd75f", bg: "#303030", bold: true },
  body: { fg: "#9e9e9e", bg: BODY },
  cardName: { fg: "#eeeeee", bg: BODY, bold: true },
  cardFrame: { fg: "#8a8a8a", bg: BODY },
  focusedCardFrame: { fg: "#ffd75f", bg: BODY },
  screenOn: { fg: "#121212", bg: "#afd7af", bold: true },
  screenOff: { fg: "#3a3a3a", bg: "#5f875f" },
  key: { fg: "#eeeeee", bg: "#444444", bold: true },
  pressKey: { fg: "#ffffff", bg: "#875f00", bold: true },
  okKey: { fg: "#ffffff", bg: "#005f5f", bold: true },
  litKey: { fg: "#000000", bg: "#ffd75f", bold: true },
  help: { fg: "#d0d0d0", bg: "#1c1c1c" },
  helpTitle: { fg: "#ffd75f", bg: "#1c1c1c", bold: true },
} as const satisfies Record<string, Style>;
