// What must compile, also without the types of `esnext.disposable`.
import { Auth } from 'libauth'

export function ready(): boolean {
  const auth: Disposable & Auth = Auth.fromEnv()
  auth[Symbol.dispose]()
  return auth.ready()
}
