// Workers that end while their fetch is under way: before it ends, after it, and at the same moment.
//     node workers.mjs ISSUER TOKEN      the issuer takes 100 ms
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const ROUNDS = 120
const TAKES_MS = 100

if (isMainThread) {
  const [issuer, token] = process.argv.slice(2)
  for (let round = 0; round < ROUNDS; round += 4) {
    const workers = [0, 1, 2, 3].map(async place => {
      const way = ['exit', 'terminate', 'throw', 'close'][(round / 4 + place) % 4]
      // From well before the end of the fetch to well after it.
      const ms = ((round + place) / ROUNDS) * 2 * TAKES_MS
      const worker = new Worker(new URL(import.meta.url), { workerData: { issuer, token, way, ms } })
      worker.on('error', error => {
        if (error.message !== 'as it should') throw error
      })
      const ended = new Promise(done => worker.on('exit', done)) // `once` would reject on an error
      if (way === 'terminate') worker.once('message', () => setTimeout(() => worker.terminate(), ms))
      await ended
    })
    await Promise.all(workers)
  }
  // What outlived its worker ends while nobody is there any more.
  await new Promise(done => setTimeout(done, 3 * TAKES_MS))
  console.log(`${ROUNDS} workers ended`)
} else {
  // The main thread does not hold the addon: it is loaded with the first worker, and let go with the last.
  const { Auth } = await import('libauth')
  const { issuer, token, way, ms } = workerData
  const auth = new Auth({ issuer, audience: 'https://api.example' })
  auth.verify(token).catch(() => {})
  auth.refresh().catch(() => {})
  parentPort.postMessage('started')
  setTimeout(() => {
    if (way === 'exit') process.exit()
    if (way === 'throw') throw new Error('as it should')
    if (way === 'close') auth.close()
  }, ms)
}
