// The plain libauth.so, without the addon: a foreign function interface is enough.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import koffi from 'koffi'

const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, '../../../target')

test('koffi loads libauth.so and verifies', () => {
  const library = koffi.load(join(target, 'library/libauth.so'))
  const create = library.func('void *auth_config_new()')
  const free = library.func('void auth_config_free(void *config)')
  const load = library.func('int auth_config_load(void *config, const char *json, size_t length, void *out, size_t room)')
  const verify = library.func('int auth_try_verify(void *config, const char *token, size_t length, void *out, size_t room)')

  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const part = object => Buffer.from(JSON.stringify(object)).toString('base64url')
  const claims = { iss: 'https://id.example', aud: 'https://api.example', sub: 'alice', exp: Math.floor(Date.now() / 1000) + 60 }
  const signed = `${part({ alg: 'EdDSA' })}.${part(claims)}`
  const token = `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`

  const config = create()
  const options = JSON.stringify({ issuer: claims.iss, audience: claims.aud, 'keys.jwks': { keys: [publicKey.export({ format: 'jwk' })] } })
  assert.equal(load(config, options, options.length, null, 0), 0)
  const record = Buffer.alloc(16384)
  assert.equal(verify(config, token, token.length, record, record.length), 0)
  const at = 24 + 8 * 5 // claims, the sixth text of the record
  const [offset, length] = [record.readUInt32LE(at), record.readUInt32LE(at + 4)]
  assert.deepEqual(JSON.parse(record.toString('utf8', offset, offset + length)), claims)
  const forged = token.replace(/.{8}$/, 'AAAAAAAA')
  assert.equal(verify(config, forged, forged.length, record, record.length), 4001)
  free(config)
})
