/**
 * Why something cannot be kept. `damaged`: the database itself is broken, and waiting mends nothing; with all others the
 * program goes on by itself once the cause is gone.
 */
export type StorageProblem = { kind: 'full' | 'locked' | 'read-only' | 'failing' | 'damaged'; sentence: string }

const PROBLEMS: Record<StorageProblem['kind'], { codes: RegExp; sentence: string }> = {
  full: {
    codes: /^(SQLITE_FULL|ENOSPC|EDQUOT)/,
    sentence: 'The disk is full: make room on it.',
  },
  locked: {
    codes: /^SQLITE_(BUSY|LOCKED)/,
    sentence: 'Another program holds the database: end that.',
  },
  'read-only': {
    codes: /^(SQLITE_READONLY|EROFS)/,
    sentence: 'The database can only be read: see whether its disk is writable, and its folder belongs to this user.',
  },
  failing: {
    codes: /^(SQLITE_(IOERR|CANTOPEN|NOMEM|PROTOCOL)|EIO)/,
    sentence: 'The disk fails: see the log of the machine (`dmesg`) and its cables, or replace it.',
  },
  damaged: {
    codes: /^SQLITE_(CORRUPT|NOTADB)/,
    sentence: 'The database is damaged: stop the gateway and restore your newest backup (`adept doctor` names it).',
  },
}

/** What a failed write or read of ours means, by its own code or its cause's; undefined when it is not of the storage. */
export function storageProblem(error: unknown): StorageProblem | undefined {
  if (!(error instanceof Error)) return undefined
  const code = String((error as NodeJS.ErrnoException).code ?? '')
  for (const [kind, { codes, sentence }] of Object.entries(PROBLEMS)) {
    if (codes.test(code)) return { kind: kind as StorageProblem['kind'], sentence }
  }
  return storageProblem(error.cause)
}
