const PROBLEMS: Record<string, string> = {
  EACCES: 'this user may not use it. Run the command as the user that owns it, or name another folder with --data',
  EPERM: 'this user may not use it. Run the command as the user that owns it, or name another folder with --data',
  EROFS: 'it lies on a disk that can only be read. Name another folder with --data',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'it, or a folder on the way to it, is a file. Name another folder with --data',
  EEXIST: 'it is there already, and is no folder. Name another folder with --data',
  ENOENT: 'it does not exist, or is a link to what does not exist. Make it, or name another folder with --data',
}

/** What a failed file operation means, as a sentence; undefined when the error is none of these. */
export function fileProblem(error: unknown): string | undefined {
  const { code, path } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  const problem = PROBLEMS[code ?? '']
  return problem === undefined || path === undefined ? undefined : `${path} cannot be used: ${problem}.`
}
