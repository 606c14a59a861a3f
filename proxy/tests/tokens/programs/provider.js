// A real OpenID provider on loopback, with TLS, that does as it is told on standard input:
//   token CLIENT SECONDS   a fresh access token by the client credentials grant
//   rotate         another signing key, and no trace of the one before
//   down, up       stops listening, listens again
//   hits           how often the keys were fetched
// Every command is answered by one line on standard output.
const fs = require('fs');
const https = require('https');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');
const { webcrypto } = require('crypto');
const { pathToFileURL } = require('url');

// What the provider has to say goes where nobody takes it for an answer.
console.info = console.error;
console.warn = console.error;

const env = process.env;
const port = +env.PROVIDER_PORT;
const issuer = `https://localhost:${port}`;
const ca = fs.readFileSync(env.PROVIDER_CA);
const tls = { cert: fs.readFileSync(env.PROVIDER_CERT), key: fs.readFileSync(env.PROVIDER_KEY) };
let seconds = 300;
let handler;
let server;
let hits = 0;
let keys = 0;

async function signingKey() {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { kty, n, e, d, p, q, dp, dq, qi } = await webcrypto.subtle.exportKey('jwk', pair.privateKey);
  keys += 1;
  return { kty, n, e, d, p, q, dp, dq, qi, use: 'sig', alg: 'RS256', kid: `key-${keys}` };
}

async function provide(Provider) {
  const client = (client_id) => ({
    client_id, client_secret: 'secret-of-a-test', grant_types: ['client_credentials'],
    redirect_uris: [], response_types: [],
  });
  const provider = new Provider(issuer, {
    clients: [client('loader'), client('stranger')],
    ttl: { ClientCredentials: () => seconds },
    jwks: { keys: [await signingKey()] },
    extraTokenClaims: (ctx, token) => ({ repository: `org/${token.clientId}`, groups: ['ci'] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:velum',
        getResourceServerInfo: () => ({
          scope: 'db', audience: 'velum', accessTokenFormat: 'jwt', accessTokenTTL: seconds,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  handler = provider.callback();
}

function listen() {
  return new Promise((resolve) => {
    server = https.createServer(tls, (request, response) => {
      if (request.url === '/jwks') hits += 1;
      handler(request, response);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}

function token(client) {
  const body = 'grant_type=client_credentials&scope=db';
  const options = {
    host: '127.0.0.1', port, servername: 'localhost', ca, path: '/token', method: 'POST',
    auth: `${client}:secret-of-a-test`,
    headers: { host: `localhost:${port}`, 'content-type': 'application/x-www-form-urlencoded' },
  };
  return new Promise((resolve, reject) => {
    const request = https.request(options, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve(JSON.parse(text).access_token || text));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function main() {
  const load = createRequire(path.join(env.NODE_FOLDER, 'package.json'));
  const module = await import(pathToFileURL(load.resolve('oidc-provider')).href);
  const Provider = module.default;
  await provide(Provider);
  await listen();
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, client, lifetime] = line.split(' ');
    if (command === 'token') {
      seconds = +lifetime;
      console.log(await token(client));
    }
    if (command === 'hits') console.log(hits);
    if (command === 'rotate') { await provide(Provider); console.log('rotated'); }
    if (command === 'down') {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
      console.log('down');
    }
    if (command === 'up') { await listen(); console.log('up'); }
  }
  process.exit(0);
}

main();
