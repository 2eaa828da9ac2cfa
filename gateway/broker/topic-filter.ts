type QoS = 0 | 1 | 2
/** What a client subscribed to, by its filters. */
export type Subscriptions = Record<string, { qos: QoS } | undefined>

/** Whether it is a topic filter: not empty, + only as a whole level, # only as the last one [MQTT-4.7.1-2, 4.7.1-3, 4.7.3-1]. */
export function isFilter(filter: string): boolean {
  if (filter === '') return false
  const levels = filter.split('/')
  return levels.every((level, index) =>
    level === '#' ? index === levels.length - 1 : level === '+' || !/[+#]/.test(level),
  )
}

export function hasWildcard(filter: string): boolean {
  return /[+#]/.test(filter)
}

/** Whether a message to this topic goes to those who subscribed with this filter [MQTT-4.7.1-2, 4.7.1-3, 4.7.2-1]. */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true
  if (!hasWildcard(filter) || (topic.startsWith('$') && !filter.startsWith('$'))) return false
  const levels = topic.split('/')
  const wanted = filter.split('/')
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false
  }
  return wanted.length === levels.length
}

/** The highest QoS that these subscriptions were granted for a topic [MQTT-3.3.5-1]; undefined: none of them is for it. */
export function grantedQos(subscriptions: Subscriptions, topic: string): QoS | undefined {
  let granted: QoS | undefined
  for (const filter of Object.keys(subscriptions)) {
    const qos = subscriptions[filter]?.qos
    if (qos !== undefined && (granted === undefined || qos > granted) && matches(filter, topic)) granted = qos
  }
  return granted
}
