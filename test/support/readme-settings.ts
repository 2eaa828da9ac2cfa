import { environmentName, settings } from '../../gateway/config/settings.ts'

/** The README's table of settings, made from the schema: `node test/support/readme-settings.ts` prints it. */
export function readmeSettings(): string {
  const rows = settings().map(({ path, defaultValue, description }) => {
    const shown =
      defaultValue === undefined
        ? ''
        : `\`${typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue)}\``
    return `| \`${path.join('.')}\` | ${shown} | ${description} | \`${environmentName(path)}\` |`
  })
  return ['| setting | default | meaning | environment |', '|---|---|---|---|', ...rows].join('\n')
}

if (import.meta.main) console.log(readmeSettings())
