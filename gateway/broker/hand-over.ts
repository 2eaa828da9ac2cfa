import type { Aedes, Client } from 'aedes'

/**
 * Sends one QoS 1 message to the live connection of a client with a clean session, so that nothing of it is stored or queued.
 * True once the client acknowledged it, false when its connection ended before. It is the only QoS 1 message of that
 * connection: any PUBACK of it is this one's.
 */
export function handOver(aedes: Aedes, client: Client, topic: string, body: object): Promise<boolean> {
  return new Promise((resolve) => {
    const onAck = (_packet: unknown, from: Client) => {
      if (from === client) settle(true)
    }
    const onClose = () => settle(false)
    const settle = (isAcknowledged: boolean) => {
      aedes.off('ack', onAck)
      client.conn.off('close', onClose)
      resolve(isAcknowledged)
    }
    aedes.on('ack', onAck)
    client.conn.on('close', onClose)
    const payload = Buffer.from(JSON.stringify(body))
    client.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => undefined)
  })
}
