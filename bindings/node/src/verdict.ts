import { expiresAt, Text, type Texts, textOf } from './native'

/** The claims of a token: whatever the issuer has put there. */
export interface Claims {
  iss?: string
  sub?: string
  aud?: string | string[]
  exp?: number
  nbf?: number
  iat?: number
  jti?: string
  [claim: string]: unknown
}

/** A token that was accepted. Subject, scopes and the like are ready; JSON is parsed when asked for. */
export class Verdict {
  /** `sub`, or what `claims.subject_from` says; empty when absent. */
  readonly subject: string
  /** The first present of client_id, azp, cid, appid; empty when absent. */
  readonly clientId: string
  /** `iss`. */
  readonly issuer: string
  /** `exp`, seconds since 1970. */
  readonly expiresAt: number
  // Not enumerable: a verdict that is printed or sent shows no token.
  readonly #credential: string
  readonly #claimsJson: string
  readonly #headerJson: string
  readonly #scopes: string
  #claims?: Claims
  #header?: Record<string, unknown>

  /** @internal */
  constructor(texts: Texts, credential: string) {
    this.subject = textOf(texts, Text.SUBJECT)
    this.clientId = textOf(texts, Text.CLIENT_ID)
    this.issuer = textOf(texts, Text.ISSUER)
    this.expiresAt = expiresAt()
    this.#credential = credential
    this.#claimsJson = textOf(texts, Text.CLAIMS)
    this.#headerJson = textOf(texts, Text.HEADER)
    this.#scopes = textOf(texts, Text.SCOPES)
  }

  /** The token itself. */
  get token(): string {
    return this.#credential.slice(this.#credential.lastIndexOf(' ') + 1)
  }

  /** What `claims.scopes_from` grants, none twice. */
  get scopes(): string[] {
    return this.#scopes === '' ? [] : this.#scopes.split(' ')
  }

  /** The claims, parsed once. */
  get claims(): Claims {
    return (this.#claims ??= JSON.parse(this.#claimsJson))
  }

  /** The same object as `claims`. */
  get payload(): Claims {
    return this.claims
  }

  /** The JOSE header (RFC 7515 4), parsed once. */
  get header(): Record<string, unknown> {
    return (this.#header ??= JSON.parse(this.#headerJson))
  }

  /** The claims, byte for byte as signed. */
  get claimsJson(): string {
    return this.#claimsJson
  }
}
