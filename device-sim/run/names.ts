/** Of a home of a scenario, in the gateway. */
export function homeIdOf(home: number): string {
  return `h${String(home).padStart(5, '0')}`
}

/** Of a device of a home, in the gateway: its name there is one of all homes. */
export function deviceIdOf(home: number, device: string): string {
  return `${homeIdOf(home)}-${device}`
}
