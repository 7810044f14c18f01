"""PyJWKClient as a verifier: `verifier.py ISSUER AUDIENCE JWKS_URI TTL_SECONDS`."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jwt

issuer, audience, jwks_uri, ttl = sys.argv[1:5]
client = jwt.PyJWKClient(jwks_uri, **({"lifespan": int(ttl)} if int(ttl) else {}))


def answer(line):
    identifier, token = line.split()
    began = time.perf_counter()
    try:
        key = client.get_signing_key_from_jwt(token).key
        jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer)
        verdict = "ok"
    except jwt.PyJWTError:
        verdict = "refused"
    taken = round((time.perf_counter() - began) * 1e6)
    sys.stdout.write(f"{identifier} {verdict} {taken}\n")
    sys.stdout.flush()


print("ready PyJWKClient", jwt.__version__, flush=True)
with ThreadPoolExecutor(128) as pool:
    for one in sys.stdin:
        pool.submit(answer, one)
