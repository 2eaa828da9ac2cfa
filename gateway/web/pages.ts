import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'

/** Everything that the dashboard is made of; it holds no data of the home until the browser shows its token. */
const PAGES = [
  { path: '/', file: 'dashboard.html', type: 'text/html; charset=utf-8' },
  { path: '/dashboard.js', file: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
  { path: '/dashboard.css', file: 'dashboard.css', type: 'text/css; charset=utf-8' },
]

/** Nothing from elsewhere, nothing inline, never inside a frame. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'"

export function pageRoutes(app: FastifyInstance): void {
  for (const page of PAGES) {
    const body = readFileSync(join(import.meta.dirname, 'pages', page.file))
    app.get(page.path, async (_request, reply) =>
      reply
        .header('content-security-policy', CONTENT_SECURITY_POLICY)
        .header('referrer-policy', 'no-referrer')
        .type(page.type)
        .send(body),
    )
  }
}
