"""A receiver of shipped records that fails now and then: receiver.py KIND FILE SEED [CERT KEY].

Prints its port, and writes the sequence of each record that it has taken to FILE, a line each.
KIND is syslog or http. Of the batches it refuses some, breaks off in the middle of some, and of
some it takes all and says nothing.
"""

import http.server
import json
import random
import socket
import socketserver
import ssl
import struct
import sys

KIND, FILE, SEED = sys.argv[1:4]
CHANCE = random.Random(int(SEED))
OUT = open(FILE, "a", encoding="utf-8")


def take(documents):
    for document in documents:
        OUT.write(f"{document['sequence']}\n")
    OUT.flush()


def reset(connection):
    """Closes so that the other side gets an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Syslog(socketserver.BaseRequestHandler):
    def handle(self):
        if CHANCE.random() < 0.3:
            self.request.recv(CHANCE.randrange(1, 4096))
            return reset(self.request)
        data = b""
        while part := self.request.recv(65536):
            data += part
        documents = []
        while data:
            length, data = data.split(b" ", 1)
            message, data = data[:int(length)], data[int(length):]
            head, body = message.decode().split("\ufeff", 1)
            assert head.startswith("<110>1 ") and head.endswith(" - velum - audit - "), head
            documents.append(json.loads(body))
        take(documents)
        if isinstance(self.request, ssl.SSLSocket):
            self.request.unwrap()  # close_notify: RFC 5425, 4.4


class Http(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        chance = CHANCE.random()
        if chance < 0.2:
            return self.answer(503)
        if chance < 0.3:
            return reset(self.connection)
        if self.headers.get("authorization") != "Bearer receiver-token":
            return self.answer(401)
        if self.path == "/v1/logs":
            records = json.loads(body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
            documents = [json.loads(record["body"]["stringValue"]) for record in records]
        else:
            documents = [json.loads(line) for line in body.splitlines()]
        take(documents)
        if chance < 0.5:
            return reset(self.connection)
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


class Server(socketserver.TCPServer):
    allow_reuse_address = True

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Syslog if KIND == "syslog" else Http)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
