// Logs a guest in as a server does that uses Webex's own JavaScript SDK, and checks what comes back.
//
// usage: node login.mjs BASE_URL
//
// BASE_URL is the address of a sandbox without /v1, such as http://127.0.0.1:8080. Standard input has the credentials of
// a Guest Issuer as JSON, {"issuer":"..","secret":".."}, as the sandbox prints them in its second line. Prints one line
// for each thing that holds, and ends with 0 if all do. Needs what package.json names: npm ci --ignore-scripts.

import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

// Half a minute is the most that a loaded machine should need between two lines of this program.
const JWT_LIFE = '30s';

const [base] = process.argv.slice(2);
const {issuer, secret} = JSON.parse(readFileSync(0, 'utf8'));

// The SDK reads them while it is loaded, so they come first.
process.env.HYDRA_SERVICE_URL = `${base}/v1/`;
process.env.U2C_SERVICE_URL = `${base}/u2c/api/v1`;
process.env.IDBROKER_BASE_URL = base;

const require = createRequire(import.meta.url);
require('@webex/plugin-authorization-node');
const {default: WebexCore} = require('@webex/webex-core');

// Without a plugin for logs the SDK tells the console whatever it does, and here only the checks matter.
for (const level of ['debug', 'error', 'info', 'log', 'trace', 'warn']) {
  console[level] = () => {};
}

function check(holds, what) {
  if (!holds) {
    process.stderr.write(`this does not hold: ${what}\n`);
    process.exit(1);
  }
  process.stdout.write(`ok: ${what}\n`);
}

const application = () => new WebexCore();

async function login(webex, secretId) {
  const {jwt} = await webex.authorization.createJwt({
    issuer,
    secretId,
    displayName: 'Zoë Ångström',
    expiresIn: JWT_LIFE,
  });
  await webex.authorization.requestAccessTokenFromJwt({jwt});
}

const webex = application();
check(!webex.canAuthorize, 'nobody is logged in at first');
await login(webex, secret);
const token = webex.credentials.supertoken;
check(token.access_token.length > 2000, 'requestAccessTokenFromJwt gives a token');
check([21599, 21600].includes(token.expires_in), 'requestAccessTokenFromJwt gives its life in seconds');
check(webex.canAuthorize, 'the guest is logged in');
check(/^[0-9a-f-]{36}$/.test(webex.credentials.getOrgId()), 'the token says which organisation it is of');

const {body: me, headers} = await webex.request({uri: `${base}/v1/people/me`});
check(me.displayName === 'Zoë Ångström', 'people/me knows the name of the guest');
check(me.emails.length === 1 && me.emails[0].startsWith('guest-user-'), 'people/me knows the subject of the guest');
check(me.type === 'appuser', 'people/me knows that the person is a guest');
check(headers.trackingid.startsWith('ROUTER_'), 'answers have a tracking id');

const stranger = application();
const wrong = Buffer.from('another secret of at least 32 bytes').toString('base64');
const error = await login(stranger, wrong).then(
  () => check(false, 'a wrong secret is refused'),
  (refusal) => refusal
);
check(error.statusCode === 401, 'a wrong secret is refused with 401');
check(error.body.trackingId.startsWith('ROUTER_'), 'the refusal has a tracking id');
check(!stranger.canAuthorize, 'nobody is logged in with a wrong secret');

// The SDK would wait for its timers.
process.exit(0);
