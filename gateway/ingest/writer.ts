import { receiveMessageOnPort } from 'node:worker_threads'
import { storageProblem } from '../lib/storage-problem.ts'
import type { Incoming, IntakeStore } from '../ports/ingest.ts'
import { PublishFrame } from '../wire/publish-packet.ts'
import type { Answer, Batch, Receipts, WriterPort } from './batch.ts'
import { parseMessage } from './parse.ts'

/** Batches are taken into one commit until it has this many messages: larger ones are not faster, and each ack waits longer. */
const GROUP_MESSAGES = 500

/**
 * The writer's end of the intake: takes all batches that wait, parses them, commits them together, answers. What comes
 * during a commit waits for the next: a lone message waits for nobody, and a flood makes large groups by itself.
 */
export function runWriter(port: WriterPort, store: IntakeStore): void {
  const waiting: Batch[] = []
  let working = false

  port.on('message', (batch: Batch) => {
    waiting.push(batch)
    if (!working) void work()
  })

  async function work(): Promise<void> {
    working = true
    for (let group = nextGroup(); group.length > 0; group = nextGroup()) port.postMessage(await answerTo(group))
    working = false
  }

  function nextGroup(): Batch[] {
    const group: Batch[] = []
    let messages = 0
    while (messages < GROUP_MESSAGES) {
      const batch = waiting.shift() ?? (receiveMessageOnPort(port)?.message as Batch | undefined)
      if (batch === undefined) break
      group.push(batch)
      messages += batch.count
    }
    return group
  }

  async function answerTo(group: Batch[]): Promise<Answer> {
    const rows: Row[] = []
    const answer: Answer = { count: 0, faults: [], receipts: [], commandResults: [] }
    for (const batch of group) {
      if (batch.kind === 'messages') readPackets(batch.packets, rows, answer)
      else rows.push({ at: answer.count++, incoming: batch })
    }
    // Messages are of one time, as if all had come with the last.
    const receivedAtMs = group.at(-1)!.receivedAtMs
    answer.receipts = await commit(rows, receivedAtMs, answer.faults)
    return answer
  }

  /** Commits a group; when it fails by its own, its messages one by one, so that one poisoned message harms no other. */
  async function commit(rows: Row[], receivedAtMs: number, faults: Answer['faults']): Promise<Receipts> {
    if (rows.length === 0) return []
    try {
      const incoming = rows.map((row) => row.incoming)
      return (await store.commit(incoming, receivedAtMs)).receipts
    } catch (error) {
      const problem = storageProblem(error)
      // With the disk or the file at fault another try would only wait once more.
      if (rows.length > 1 && problem === undefined) {
        const receipts: Receipts = []
        for (const row of rows) receipts.push(...(await commit([row], receivedAtMs, faults)))
        return receipts
      }
      const reason = problem?.sentence ?? (error instanceof Error ? error.message : String(error))
      for (const { at } of rows) faults.push({ at, reason, problem })
      return []
    }
  }
}

/** A message to store, and its place in the answer. */
type Row = { at: number; incoming: Incoming }

const frame = new PublishFrame()

function readPackets(packets: Uint8Array, rows: Row[], answer: Answer): void {
  const bytes = Buffer.from(packets.buffer, packets.byteOffset, packets.byteLength)
  for (let start = 0; start < bytes.length; start = frame.end) {
    if (frame.read(bytes, start, bytes.length) !== 'whole') throw new Error('The intake sent half a packet.')
    const at = answer.count++
    const topic = bytes.toString('utf8', frame.topicStart, frame.topicEnd)
    const parsed = parseMessage(topic, bytes.subarray(frame.payloadStart, frame.end))
    if (parsed.kind === 'command-result') {
      answer.commandResults.push({ deviceId: parsed.deviceId, result: parsed.result })
      continue
    }
    rows.push({ at, incoming: parsed })
  }
}
