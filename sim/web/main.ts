// The script of both pages: the whole page (index.html), and the card alone for other pages to embed (card.html).

import { CardPage } from "./cardpage.js";
import { compileFirmware } from "./democard.js";
import { styleSheet } from "./dom.js";
import { keepOffline } from "./offline.js";
import { Page } from "./page.js";
import styles from "./style.css";

document.adoptedStyleSheets = [styleSheet(styles)];
const root = document.querySelector("main") as HTMLElement;
const alone = document.documentElement.classList.contains("alone");

start().catch((error: unknown) => {
  root.textContent = `The card cannot run in this browser: ${error instanceof Error ? error.message : error}`;
});

async function start(): Promise<void> {
  const module = await compileFirmware();
  if (alone) return void new CardPage(module, root);
  new Page(module, root);
  keepOffline();
}
