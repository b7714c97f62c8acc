// `dsc-sim inspect`: a flash image, record by record, secrets masked.

import { currentPage, type PageRecords, readImage, type SlotCounts } from "./image.js";

/** The lines that describe an image (FLASH_SIZE bytes). */
export function describe(image: Uint8Array): string[] {
  const pages = readImage(image);
  const current = currentPage(pages);
  const lines = pages.flatMap((page) => describePage(page, page === current));
  if (!current) lines.push("no page counts: a card that never started, or an unreadable one (ERROR 02)");
  return lines;
}

function describePage(page: PageRecords, current: boolean): string[] {
  if (page.state === "erased") return [`page ${page.page}: erased`];
  if (!page.head) return [`page ${page.page}: not committed, or broken`];
  const { head } = page;
  const lines = [
    `page ${page.page}: sequence ${head.sequence}${current ? ", the one that counts" : ", stale"}`,
    `  life            ${head.life}`,
    `  root secret     ${page.root}${page.root === "whole" ? " (masked)" : ""}`,
    `  transport keys  version ${head.keyVersion}${head.keyVersion === 0xff ? " (public test keys)" : ""}, ${page.keys} (masked)`,
    ...(page.wiping ? ["  wipe            begun, not finished"] : []),
  ];
  if (head.life === "blank") return lines;
  return [
    ...lines,
    `  serial number   ${head.serial}`,
    `  suite           ${head.suite}`,
    `  PIN check       ${head.pinCheck}, ${head.tries} tries`,
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
