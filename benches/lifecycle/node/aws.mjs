import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { audience, issuer, jwksUri, serve } from './serve.mjs';

// Its own fetcher speaks https alone. This one has the same time limit.
const fetcher = {
  async fetch(uri) {
    const response = await fetch(uri, { signal: AbortSignal.timeout(3000) });
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return response.arrayBuffer();
  },
};
const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache: new SimpleJwksCache({ fetcher }) });
serve('aws-jwt-verify', token => verifier.verify(token));
