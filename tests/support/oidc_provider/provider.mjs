// An OpenID provider on 127.0.0.1: `node provider.mjs SETTINGS.json`. The file says {port, client, routes, claims, people}; it is read again
// at each sign-in, so that a test changes what people have while the provider runs.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const [file, modules] = process.argv.slice(2)
const { default: Provider } = await import(createRequire(`${modules}/`).resolve('oidc-provider'))
const settings = () => JSON.parse(readFileSync(file, 'utf8'))
const { port, client, routes, claims } = settings()

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ ...client, token_endpoint_auth_method: 'client_secret_post' }],
  routes,
  scopes: ['openid', ...Object.keys(claims)],
  claims,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({ sub: name, preferred_username: name, groups: settings().people[name].groups })
  }),
  // The client is the hub: nobody is asked whether it may know who signs in.
  loadExistingGrant: async (context) => {
    const { client: asking, session } = context.oidc
    const grant = new provider.Grant({ clientId: asking.clientId, accountId: session.accountId })
    grant.addOIDCScope(['openid', ...Object.keys(claims)].join(' '))
    await grant.save()
    return grant
  }
})

const form = (message = '') =>
  `<form method="post"><p id="message">${message}</p><input name="username"><input name="password" type="password"><button>Sign in</button></form>`
const answerOthers = provider.callback()

createServer(async (request, response) => {
  if (request.url === '/ready') return response.end()
  if (!request.url.startsWith('/interaction/')) return answerOthers(request, response)
  const page = (text) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(text)
  if (request.method !== 'POST') return page(form())
  let body = ''
  for await (const part of request) body += part
  const given = new URLSearchParams(body)
  const person = settings().people[given.get('username')]
  if (person?.password !== given.get('password')) return page(form('Wrong name or password'))
  return provider.interactionFinished(request, response, { login: { accountId: given.get('username') } })
}).listen(port, '127.0.0.1')
