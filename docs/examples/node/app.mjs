import http from 'node:http'
import * as client from 'openid-client'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI: redirect_uri } = process.env // http://localhost:3000/callback
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), { execute: [client.allowInsecureRequests] }) // http, for localhost alone
const state = client.randomState(), verifier = client.randomPKCECodeVerifier() // one person's; keep them in a session
const code_challenge = await client.calculatePKCECodeChallenge(verifier)
const start = client.buildAuthorizationUrl(config, { redirect_uri, state, scope: 'openid profile', code_challenge, code_challenge_method: 'S256' })
http.createServer(async (request, response) => {
  const url = new URL(request.url, redirect_uri)
  if (url.pathname !== new URL(redirect_uri).pathname) return response.writeHead(302, { location: start.href }).end()
  const tokens = await client.authorizationCodeGrant(config, url, { pkceCodeVerifier: verifier, expectedState: state })
  response.end(`Hello ${tokens.claims().sub}\n`)
}).listen(new URL(redirect_uri).port)
