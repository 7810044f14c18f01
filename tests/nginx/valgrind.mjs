// nginx as one process under valgrind, with requests of every kind: no error, and no block that is lost
// but those of nginx itself, which loses two.
import assert from 'node:assert/strict'
import { createServer as createHttpServer } from 'node:http'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bearer, buildModule, echoServer, ownIssuer, request, runCases, startNginx, test, work } from './harness.mjs'

await buildModule()
const upstream = await echoServer()
const own = ownIssuer()
const remote = ownIssuer('https://remote.example')
const jwks = /keys\.jwks '(.*)'/.exec(remote.options)[1]
// Late, so that requests wait.
const provider = createHttpServer((_request, response) => setTimeout(() => response.end(jwks), 3000)).listen(0, '127.0.0.1')
provider.unref()
await once(provider, 'listening')
const log = join(work, 'valgrind')
const command = ['valgrind', '--quiet', '--vgdb=no', '--leak-check=full', '--errors-for-leak-kinds=definite', '--error-exitcode=99', `--log-file=${log}`, 'nginx']
const nginx = await startNginx(`
  server {
    listen 127.0.0.1:PORT;
    ${own.options} auth_bearer on; auth_bearer_forward_claim X-User sub; auth_bearer_forward_claim X-Level level;
    location / { proxy_pass http://127.0.0.1:${upstream}; }
    location /more { auth_bearer_require more; proxy_pass http://127.0.0.1:${upstream}; }
    location /page { error_page 401 =302 http://127.0.0.1/; proxy_pass http://127.0.0.1:${upstream}; }
    location /asking { auth_bearer off; auth_request /ask; proxy_pass http://127.0.0.1:${upstream}; }
    location = /ask { internal; proxy_pass http://127.0.0.1:${upstream}; }
    location /remote {
      auth_bearer_option issuer https://remote.example; auth_bearer_option audience https://rs256.example;
      auth_bearer_option keys.jwks_uri http://127.0.0.1:${provider.address().port}/;
      proxy_pass http://127.0.0.1:${upstream};
    }
  }`, { main: 'master_process off;', command })

test('valgrind: every kind of request, some of which wait, and a clean end', async () => {
  const forged = ['X-User: root', 'X_Level: 1']
  const waiting = [1, 2, 3].map(() => request(nginx, '/remote', bearer(remote.token({}))))
  const forgotten = connect(nginx.port, '127.0.0.1') // goes away while it waits
  forgotten.write(`GET /remote HTTP/1.1\r\nHost: api\r\n${bearer(remote.token({}))[0]}\r\n\r\n`)
  await sleep(300)
  forgotten.destroy()
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200)
  for (let i = 0; i < 5; i++) {
    assert.equal((await request(nginx, '/', [...forged, ...bearer(own.token({ level: i }))])).status, 200)
    assert.equal((await request(nginx, '/', [...forged, ...bearer(own.token({ level: [i] }))])).status, 200)
    assert.equal((await request(nginx, '/more', bearer(own.token({})))).status, 403)
    assert.equal((await request(nginx, '/page')).status, 302)
    assert.equal((await request(nginx, '/asking')).status, 401)
    assert.equal((await request(nginx, '/asking', bearer(own.token({})))).status, 200)
    assert.equal((await request(nginx, '/', bearer('a'.repeat(7000)))).status, 401)
    assert.equal((await request(nginx, '/', [...bearer('a'), ...bearer('b')])).status, 400)
    assert.equal((await request(nginx, '/', [], 'POST', 'body')).status, 401)
  }
  const code = await nginx.stop()
  assert.ok(code === 0 || code === 99, `exit code ${code}`) // 99: of what is told below
  const told = readFileSync(log, 'utf8').split(/^==\d+== $/m)
  const of_nginx = text => / bytes in .* lost in loss record /.test(text) && !/ngx_http_auth_bearer_module|libauth/.test(text)
  assert.deepEqual(told.filter(text => text.trim() !== '' && !of_nginx(text)), [])
})
process.exit((await runCases()) ? 1 : 0)
