// A card at a serial port of Node, through its front panel (docs/PROTOCOL.md, channel 1).

import type { Link } from "../../host-tools/card/link.js";
import { FrontPanel } from "../common/frontpanel.js";
import { REAL_TIME } from "./realtime.js";

export class Panel extends FrontPanel {
  readonly #link: Link;

  constructor(link: Link) {
    const line = {
      onReport: (hear: (report: Uint8Array) => void) => {
        link.onPanel = hear;
      },
      onClosed: (closed: () => void) => {
        link.watchers.push({ closed });
      },
      sendPanel: (payload: Uint8Array) => link.sendPanel(payload),
    };
    super(line, REAL_TIME);
    this.#link = link;
  }

  /** Releases the keys, then closes the link. */
  close(): void {
    this.leave();
    this.#link.close();
  }
}
