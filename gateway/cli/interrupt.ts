/** Aborts at the first Ctrl-C or SIGTERM, so that all processes end in order; the second ends this one at once. */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => (controller.signal.aborted ? process.exit(1) : controller.abort())
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return controller.signal
}
