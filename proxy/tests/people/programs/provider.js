// A real OpenID provider on loopback where people log in at once, as whoever standard input says:
//   account NAME   who logs in from now on; `nobody` has no groups
//   deny           the next people say no
//   shown SECONDS  they have shown who they are so long ago, unless they are asked to do so again
//   short SECONDS  ID tokens live for so long
// Every command is answered by one line on standard output.
const http = require('http');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');
const { webcrypto } = require('crypto');
const { pathToFileURL } = require('url');

console.info = console.error;
console.warn = console.error;

const env = process.env;
const port = +env.PROVIDER_PORT;
const issuer = `http://127.0.0.1:${port}`;
const groups = {
  ann: ['leads'], dora: ['staff'], eve: ['audit'], root: ['ops'], nobody: ['visitors'],
};
let account = 'ann';
let denies = false;
let shown = 0;
let seconds = 300;

async function signingKey() {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const jwk = await webcrypto.subtle.exportKey('jwk', pair.privateKey);
  const { kty, n, e, d, p, q, dp, dq, qi } = jwk;
  return { kty, n, e, d, p, q, dp, dq, qi, use: 'sig', alg: 'RS256', kid: 'key-1' };
}

async function make(Provider) {
  const people = (client_id, more) => ({
    client_id, client_secret: 'secret of a test', redirect_uris: [env.PROVIDER_REDIRECT],
    grant_types: ['authorization_code'], response_types: ['code'], ...more,
  });
  return new Provider(issuer, {
    clients: [
      people('velum'),
      people('other'),
      {
        client_id: 'velum-cli', token_endpoint_auth_method: 'none', redirect_uris: [],
        response_types: [], require_auth_time: true,
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      },
    ],
    jwks: { keys: [await signingKey()] },
    cookies: { keys: ['a key of a test'] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'groups'] },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, groups: groups[id] }) }),
    pkce: { required: () => true },
    ttl: { IdToken: () => seconds, Interaction: 600, Session: 3600, Grant: 3600 },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid offline_access');
      grant.addOIDCClaims(['groups']);
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: env.PROVIDER_DEVICE !== 'no' },
      revocation: { enabled: true },
    },
  });
}

async function interact(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  if (denies) {
    const result = { error: 'access_denied', error_description: 'they said no' };
    return provider.interactionFinished(request, response, result);
  }
  const again = details.params.prompt === 'login' || details.params.max_age === '0';
  const now = Math.floor(Date.now() / 1000);
  const login = { accountId: account, ts: again ? now : now - shown, amr: ['pwd'] };
  return provider.interactionFinished(request, response, { login });
}

async function main() {
  const load = createRequire(path.join(env.NODE_FOLDER, 'package.json'));
  const module = await import(pathToFileURL(load.resolve('oidc-provider')).href);
  const provider = await make(module.default);
  const handler = provider.callback();
  const server = http.createServer((request, response) => {
    if (!request.url.startsWith('/interaction/')) return handler(request, response);
    return interact(provider, request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, value] = line.split(' ');
    if (command === 'account') { account = value; denies = false; }
    if (command === 'deny') denies = true;
    if (command === 'shown') shown = +value;
    if (command === 'short') seconds = +value;
    console.log('done');
  }
  process.exit(0);
}

main();
