// What a card does at which voltage of its battery (docs/CARD.md), in mV.

/** Below this it says BATT LOW. */
export const LOW_BATTERY = 2400;
/** Below this it writes nothing, and turns off. */
export const EMPTY_BATTERY = 2100;
