// A real SAML identity provider, npm's samlify, that answers as standard input says:
//   metadata            its metadata, in Base64
//   gateway BASE64      the metadata of the gateway
//   answer NAME URL     the response to the request in this address, in Base64
// Every command is answered by one line on standard output. Its key is in IDENTITY_KEY and
// IDENTITY_CERT.
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');

console.info = console.error;
console.warn = console.error;

const load = createRequire(path.join(process.env.NODE_FOLDER, 'package.json'));
const saml = load('samlify');
saml.setSchemaValidator({ validate: () => Promise.resolve('not looked at') });

const groups = { ann: 'leads', root: 'ops', nobody: 'visitors' };
const key = fs.readFileSync(process.env.IDENTITY_KEY, 'utf8');
const cert = fs.readFileSync(process.env.IDENTITY_CERT, 'utf8');
const base = saml.SamlLib.defaultLoginResponseTemplate.context;
const idp = saml.IdentityProvider({
  entityID: 'https://idp.example/metadata',
  privateKey: key,
  signingCert: cert.replace(/-----[A-Z ]+-----|\s/g, ''),
  requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  nameIDFormat: ['urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
  singleSignOnService: [{
    Binding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
    Location: 'https://idp.example/sso',
  }],
  loginResponseTemplate: {
    context: base,
    attributes: [{
      name: 'groups', valueTag: 'groups', valueXsiType: 'xs:string',
      nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
    }],
  },
});
let sp;

function fill(name, request) {
  return (template) => {
    const now = new Date();
    const later = new Date(now.getTime() + 300000).toISOString();
    const context = template
      .replace('{AuthnStatement}', `<saml:AuthnStatement AuthnInstant="${now.toISOString()}">`
        + '<saml:AuthnContext><saml:AuthnContextClassRef>'
        + 'urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>'
        + '</saml:AuthnContext></saml:AuthnStatement>');
    const acs = sp.entityMeta.getAssertionConsumerService('post');
    const id = `_${name}${Math.random().toString(16).slice(2)}`;
    return {
      id,
      context: saml.SamlLib.replaceTagsByValue(context, {
        ID: id, AssertionID: `_a${Math.random().toString(16).slice(2)}`, Destination: acs,
        Audience: sp.entityMeta.getEntityID(), SubjectRecipient: acs,
        Issuer: 'https://idp.example/metadata', IssueInstant: now.toISOString(),
        ConditionsNotBefore: now.toISOString(), ConditionsNotOnOrAfter: later,
        SubjectConfirmationDataNotOnOrAfter: later, InResponseTo: request,
        StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:Success', NameID: name,
        NameIDFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        attrGroups: groups[name],
      }),
    };
  };
}

async function answer(name, url) {
  const query = Object.fromEntries(new URL(url).searchParams);
  const { extract } = await idp.parseLoginRequest(sp, 'redirect', { query });
  const response = await idp.createLoginResponse(sp, { extract }, 'post', { name },
    fill(name, extract.request.id));
  return response.context;
}

async function main() {
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, first, second] = line.split(' ');
    if (command === 'metadata') console.log(Buffer.from(idp.getMetadata()).toString('base64'));
    if (command === 'gateway') {
      sp = saml.ServiceProvider({ metadata: Buffer.from(first, 'base64').toString() });
      console.log('done');
    }
    if (command === 'answer') console.log(await answer(first, second).catch((error) => `${error}`));
  }
  process.exit(0);
}

main();
