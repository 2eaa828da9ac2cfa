/** `timeZone` is an IANA name: by it go the home's rules, quiet hours and budgets. */
export type Home = { homeId: string; timeZone: string }
export type HomeStore = {
  list(): Promise<Home[]>
  get(homeId: string): Promise<Home | undefined>
  /** Makes it known, or gives it another time zone, by which its slots are then decided anew. */
  put(home: Home): Promise<'added' | 'changed' | 'known'>
}
