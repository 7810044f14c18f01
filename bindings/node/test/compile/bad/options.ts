// What must not compile. A line that must not names its error.
import { Auth } from 'libauth'

new Auth() // TS2554
new Auth({}) // TS2345
new Auth({ issuer: 'https://id.example' }) // TS2345
new Auth({ 'claims.leeway': 5, audience: 'x' }) // TS2345
new Auth({ isuer: 'https://id.example', audience: 'x' }) // TS2561
new Auth({ issuer: 'https://id.example', clockTolerance: 5 }) // TS2353
new Auth({ issuer: null, audience: 'x' }) // TS2322
new Auth({ issuer: 'https://id.example', audience: 5 }) // TS2322
new Auth({ claims: { leway: 5 } }) // TS2561
new Auth({ 'claims.leway': 5 }) // TS2353
new Auth({ token: { algorithms: ['HS256'] } }) // TS2820
new Auth({ 'token.algorithms': ['none'] }) // TS2322
new Auth({ keys: { http: 'yes' } }) // TS2322
new Auth({ issuers: [{ issuer: 'https://id.example', token: {} }] }) // TS2353
new Auth({ issuer: 'https://id.example', audience: 'x' }, { logger: {} }) // TS2739
new Auth({ issuer: 'https://id.example', audience: 'x' }, { log: console }) // TS2353
