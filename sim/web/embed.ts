// The script of embed.html: a login by messages, on the element.

import { DEMO_CARD } from "../core/democard.js";
import type { DscCard } from "./element.js";

const CHALLENGE = "123456";

const card = document.querySelector("dsc-card") as DscCard;
const shown = document.querySelector("output") as HTMLOutputElement;
const start = document.querySelector("button") as HTMLButtonElement;

card.addEventListener("screen", (event) => {
  shown.value = (event as CustomEvent<{ display: string }>).detail.display;
});
start.addEventListener("click", () => {
  start.disabled = true;
  logIn().then(ready, ready);
});

function ready(): void {
  start.disabled = false;
}

async function logIn(): Promise<void> {
  const { on } = await card.screen();
  if (on) await card.hold("press");
  await card.hold("press");
  await card.type(DEMO_CARD.pin);
  await card.press("ok");
  await card.type(CHALLENGE);
  await card.press("ok");
}
