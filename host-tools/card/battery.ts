// The voltages of the battery at which a card changes its behaviour (docs/CARD.md), in mV.

/** Below this it shows BATT LOW. */
export const LOW_BATTERY = 2400;
/** Below this it writes nothing and turns off. */
export const EMPTY_BATTERY = 2100;
