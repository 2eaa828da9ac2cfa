import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { isTimeZone } from '../domain/home-calendar.ts'
import { HomeId } from '../domain/identifiers.ts'
import { HttpError, parseInput } from '../lib/http.ts'
import type { HomeStore } from '../ports/homes.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The home that a `/v1` request is about: the one of `?home=`, else the configured one. */
    homeId: string
  }
}

const HomeQuery = z.object({ home: HomeId.optional() })
const HomeBody = z.strictObject({
  homeId: HomeId,
  timeZone: z.string().max(64).refine(isTimeZone, 'not a time zone of the IANA list, such as Europe/Berlin'),
})

/** Lets every request of `app` name the home that it is about; one that is not known is refused. */
export function scopeByHome(app: FastifyInstance, homes: Pick<HomeStore, 'get'>, configuredHomeId: string): void {
  app.decorateRequest('homeId', configuredHomeId)
  app.addHook('onRequest', async (request) => {
    const { home } = parseInput(HomeQuery, request.query, 'a query')
    if (home === undefined || home === configuredHomeId) return
    if ((await homes.get(home)) === undefined) {
      throw new HttpError(404, `There is no home ${home}. See all with \`adept home list\`.`)
    }
    request.homeId = home
  })
}

export function homeRoutes(
  app: FastifyInstance,
  ports: { homes: HomeStore; onChanged(): void },
  configuredHomeId: string,
): void {
  app.get('/v1/homes', async () => ({ homes: await ports.homes.list() }))

  app.post('/v1/homes', async (request, reply) => {
    const home = parseInput(HomeBody, request.body, 'a home')
    if (home.homeId === configuredHomeId) {
      throw new HttpError(409, `The home ${home.homeId} is set in adept.yaml: change home.timeZone there.`)
    }
    const came = await ports.homes.put(home)
    if (came === 'changed') ports.onChanged()
    return reply.code(came === 'added' ? 201 : 200).send(home)
  })
}
