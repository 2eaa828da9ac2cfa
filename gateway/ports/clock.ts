/** The only source of time. In virtual time it stands still until the simulator moves it. */
export type Clock = { nowMs(): number }
