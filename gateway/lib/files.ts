import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Replaces a file so that after a power cut there is either the old one or the new one. Mode 0600. */
export function replaceFile(file: string, bytes: Uint8Array | string): void {
  const temporary = `${file}.new`
  writeDurably(temporary, bytes, 'w')
  renameSync(temporary, file)
  syncFolder(dirname(file))
}

/** Makes a file unless it is there, complete from its first moment, whoever comes first. Mode 0600. */
export function createFileOnce(file: string, make: () => Uint8Array): void {
  if (existsSync(file)) return
  const temporary = `${file}.${randomUUID()}`
  writeDurably(temporary, make(), 'wx')
  try {
    linkSync(temporary, file)
  } catch (error) {
    if (!existsSync(file)) throw error
  } finally {
    rmSync(temporary)
  }
  syncFolder(dirname(file))
}

/** Puts a file that is written in the place of another, so that after a power cut there is either the old or the new one. */
export function moveDurably(from: string, to: string): void {
  const descriptor = openSync(from, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(from, to)
  syncFolder(dirname(to))
}

function writeDurably(file: string, bytes: Uint8Array | string, flag: 'w' | 'wx'): void {
  const descriptor = openSync(file, flag, 0o600)
  try {
    writeFileSync(descriptor, bytes)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function syncFolder(folder: string): void {
  // Windows cannot open folders, and has no need to.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
