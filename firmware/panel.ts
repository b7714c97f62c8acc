// The front panel on the serial line (channel 1): keys come in, the screen goes out when it changes. Production images
// have no front panel and ignore its frames.

import * as card from "./card";
import * as frame from "./frame";
import * as host from "./host";
import * as screen from "./screen";
import { Channel, Kind, PanelAt } from "./wire";

const TEXT_SIZE: u32 = PanelAt.SIZE - PanelAt.TEXT;
const REPORT_SIZE: u32 = 1 + PanelAt.SIZE;
/** The last report: channel | on | state | text. */
const SENT: usize = memory.data(11);
const NOW: usize = memory.data(11);

@unmanaged
class Panel {
  /** A front panel is connected: it has sent a frame. */
  watched: bool;
}
const panel = changetype<Panel>(memory.data(offsetof<Panel>()));

/** Takes a frame of the front panel: a contact, or a request for the screen. */
export function take(payload: usize, length: u32): void {
  if (!isPresent()) return;
  panel.watched = true;
  if (length === 0) report(true);
  else if (length === 2) card.contact(load<u8>(payload), load<u8>(payload, 1) !== 0);
}

/** Sends the screen if it changed and a front panel is connected. */
export function tell(): void {
  if (panel.watched) report(false);
}

function isPresent(): bool {
  const kind = host.panel();
  return kind === <u32>Kind.DEVELOPMENT || kind === <u32>Kind.SIMULATOR;
}

function report(always: bool): void {
  store<u8>(NOW, Channel.PANEL);
  store<u8>(NOW, card.state() === 0 ? 0 : 1, 1 + PanelAt.ON);
  store<u8>(NOW, card.state(), 1 + PanelAt.STATE);
  memory.copy(NOW + 1 + PanelAt.TEXT, screen.LINE, TEXT_SIZE);
  if (!always && memory.compare(NOW, SENT, REPORT_SIZE) === 0) return;
  memory.copy(SENT, NOW, REPORT_SIZE);
  frame.send(NOW, REPORT_SIZE);
}
