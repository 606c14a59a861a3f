# libpq 18 speaks OAUTHBEARER by itself, and asks its program for the token: psycopg brings the
# library, and the hook is set in it directly. Prints what the database calls the session's role.
import ctypes
import glob
import os
import sys

import psycopg
import psycopg_binary

OAUTH_BEARER_TOKEN = 1
token = ctypes.create_string_buffer(os.environ['TOKEN'].encode())


class Request(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h"""
    _fields_ = [
        ('openid_configuration', ctypes.c_char_p), ('scope', ctypes.c_char_p),
        ('asynchronous', ctypes.c_void_p), ('cleanup', ctypes.c_void_p),
        ('token', ctypes.c_void_p), ('user', ctypes.c_void_p),
    ]


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def hook(kind, connection, data):
    if kind != OAUTH_BEARER_TOKEN:
        return 0
    request = ctypes.cast(data, ctypes.POINTER(Request)).contents
    print('asked for', request.openid_configuration.decode(), flush=True)
    request.token = ctypes.addressof(token)
    return 1


folder = os.path.join(os.path.dirname(os.path.dirname(psycopg_binary.__file__)), 'psycopg_binary.libs')
[library] = glob.glob(os.path.join(folder, 'libpq-*.so*'))
libpq = ctypes.CDLL(library)
if psycopg.pq.version() < 180000:
    sys.exit('libpq is older than 18')
libpq.PQsetAuthDataHook(hook)
try:
    with psycopg.connect(oauth_issuer=os.environ['ISSUER'], oauth_client_id='velum-test',
                         require_auth='oauth') as connection:
        print('in as', connection.execute('SELECT current_user').fetchone()[0])
except psycopg.OperationalError as error:
    print('refused', error)
