"""Who is told: a web server that verifies signatures by their reference, and a mail server.

Prints the two ports, then answers each line of its input with one line of JSON.
`web CODE` and `mail CODE` set what is answered from then on; `seen` is what has arrived.
"""

import json
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from standardwebhooks.webhooks import Webhook

SECRET = os.environ["RECEIVER_SECRET"]
state = {"web": 204, "mail": 250}
seen = {"web": [], "slack": [], "mail": [], "refused": []}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        arrived = {"headers": headers, "body": json.loads(body), "verified": False}
        if self.path == "/web":
            Webhook(SECRET).verify(body, headers)
            arrived["verified"] = True
        code = state["web"]
        kind = "refused" if code >= 300 else self.path.strip("/")
        seen[kind].append(arrived)
        self.send_response(code)
        self.send_header("content-length", "0")
        if code in (301, 302, 307):
            self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


class Mail:
    async def handle_DATA(self, server, session, envelope):
        code = state["mail"]
        arrived = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode(),
            "tls": session.ssl is not None,
            "user": session.auth_data,
        }
        seen["mail" if code == 250 else "refused"].append(arrived)
        return f"{code} said so"


def login(server, session, envelope, mechanism, data):
    user, password = data.login.decode(), data.password.decode()
    right = (user, password) == ("velum", os.environ["RECEIVER_PASSWORD"])
    return AuthResult(success=right, handled=right, auth_data=user)


web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=web.serve_forever, daemon=True).start()
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(os.environ["RECEIVER_CERT"], os.environ["RECEIVER_KEY"])
mail = Controller(
    Mail(),
    hostname="127.0.0.1",
    port=int(os.environ["RECEIVER_MAIL_PORT"]),
    tls_context=tls,
    require_starttls=True,
    auth_required=True,
    authenticator=login,
)
mail.start()
print(json.dumps({"web": web.server_address[1], "mail": mail.port}), flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == "seen":
        print(json.dumps(seen), flush=True)
    else:
        state[words[0]] = int(words[1])
        print(json.dumps(state), flush=True)
