// `dsc-sim inspect`: a flash image, record by record, secrets masked.

import { CARD_ID_SIZE, KeyVersion } from "../../firmware/wire.js";
import { kdf } from "../../host-tools/card/scp03.js";
import { counted } from "../../host-tools/files/counted.js";
import { parseSuite } from "../../host-tools/seeds/suite.js";
import { currentPage, type PageRecords, pageBytes, readImage, rootOf, type SlotCounts } from "../core/image.js";

/** The card id is derived from the root secret with this label (docs/FLASH.md). */
const CARD_ID = 0x84;

/** The lines that describe an image (FLASH_SIZE bytes). */
export function describe(image: Uint8Array): string[] {
  const pages = readImage(image);
  const current = currentPage(pages);
  const lines = pages.flatMap((page) => describePage(page, page === current));
  if (isUnreadable(pages, current)) lines.push("the card turns on with ERROR 02: its flash cannot be read");
  else if (!current) lines.push("no page counts: a card that never started");
  else lines.push(...idOf(image, current));
  return lines;
}

/** The rule of docs/FLASH.md for power-on. */
function isUnreadable(pages: readonly PageRecords[], current: PageRecords | undefined): boolean {
  if (!current?.head) return pages.some(({ suspicious }) => suspicious);
  if (current.keys !== "whole") return true;
  if (current.wiping) return false;
  const { life, suite } = current.head;
  return current.root !== "whole" || life.startsWith("unknown") || (life !== "blank" && !isCardSuite(suite));
}

function isCardSuite(text: string): boolean {
  try {
    const { digits, format, challenge, counter, session, step } = parseSuite(text);
    return digits === 8 && format === "N" && challenge === 6 && !counter && !session && !step;
  } catch {
    return false;
  }
}

/** The card id is public; a card whose wipe is not finished will get another one. */
function idOf(image: Uint8Array, { page, wiping }: PageRecords): string[] {
  if (wiping) return [];
  const id = kdf(rootOf(pageBytes(image, page)), CARD_ID, new Uint8Array(), CARD_ID_SIZE);
  return [`card id ${Buffer.from(id).toString("hex")}`];
}

function describePage(page: PageRecords, current: boolean): string[] {
  if (page.state === "erased") return [`page ${page.page}: erased`];
  if (!page.head) return [`page ${page.page}: not committed, or broken`];
  const { head } = page;
  const lines = [
    `page ${page.page}: sequence ${head.sequence}${current ? ", current" : ", stale"}`,
    `  life            ${head.life}`,
    `  root secret     ${page.root}${page.root === "whole" ? " (masked)" : ""}`,
    `  transport keys  version ${head.keyVersion}${head.keyVersion === KeyVersion.TEST ? " (public test keys)" : ""}, ${page.keys} (masked)`,
    ...(page.wiping ? ["  wipe            begun, not finished"] : []),
  ];
  if (head.life === "blank") return lines;
  return [
    ...lines,
    `  serial number   ${head.serial}`,
    `  suite           ${head.suite}`,
    `  PIN check       ${head.pinCheck}, ${counted(head.tries, "try", "tries")}`,
    `  lock code       ${head.hasLockCode ? "prepared (masked)" : "none"}`,
    `  PIN wrap        ${page.pinWrap}${page.pinWrap === "whole" ? " (sealed, masked)" : ""}`,
    `  unlock wrap     ${page.codeWrap}${page.codeWrap === "whole" ? " (sealed, masked)" : ""}`,
    `  PIN tries       ${describeSlots(page.pinSlots, head.pinSpent)}`,
    `  unlock tries    ${describeSlots(page.codeSlots, head.codeSpent)}`,
  ];
}

function describeSlots(slots: SlotCounts, carried: number): string {
  const unclear = slots.unclear ? `, ${slots.unclear} unclear (count as spent)` : "";
  return `${carried} carried over; slots: ${slots.spent} spent, ${slots.givenBack} given back, ${slots.free} free${unclear}`;
}
