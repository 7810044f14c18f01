import { createRemoteJWKSet, jwtVerify } from 'jose';
import { audience, issuer, jwksUri, serve, ttlSeconds } from './serve.mjs';

const keys = createRemoteJWKSet(new URL(jwksUri), ttlSeconds ? { cacheMaxAge: ttlSeconds * 1000 } : {});
serve('jose', token => jwtVerify(token, keys, { issuer, audience, algorithms: ['RS256'] }));
