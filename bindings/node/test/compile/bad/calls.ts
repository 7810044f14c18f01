// What must not compile. A line that must not names its error.
import { Auth, AuthError } from 'libauth'

const auth = Auth.fromEnv()
const header = undefined as string | undefined
auth.verify(header) // TS2345
auth.verify(['token']) // TS2345
auth.verify(Buffer.from('token')) // TS2345
auth.authorize(Buffer.from('Bearer token')) // TS2345
auth.authorize(42) // TS2345
auth.verify('token', { require: 5 }) // TS2322
auth.verify('token', { requires: 'a' }) // TS2561
auth.verify('token', { now: '5' }) // TS2322
auth.tryVerify('token', { signal: new AbortController().signal }) // TS2353
auth.verify('token').subject // TS2339
auth.tryVerify('token').claims.sub.length // TS2532
auth.tryVerify('token').subject = 'somebody' // TS2540
auth.require('{}') // TS2554
auth.describe('NO_SUCH_STATUS') // TS2345
new AuthError('message').texts // TS2339
