import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { sweepAfterStart } from '../lib/memory.ts'
import { openDatabase } from '../store/database.ts'
import { sqliteIntakeStore } from '../store/intake.ts'
import { runWriter } from './writer.ts'

/** The writer thread: the second connection to the gateway's database, and the only one that stores what devices say. */
const { file, port } = workerData as { file: string; port: MessagePort }
const db = openDatabase(file, 'gateway')
runWriter(port, sqliteIntakeStore(db))
// The main thread closes it when all is answered.
port.once('close', () => db.close())
parentPort!.postMessage('ready')
sweepAfterStart()
