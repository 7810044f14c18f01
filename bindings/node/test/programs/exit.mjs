// Ends in a certain way while a fetch is under way.
//     node exit.mjs ISSUER WAY
import { Auth } from 'libauth'

const [issuer, way] = process.argv.slice(2)
const auth = new Auth({ issuer, audience: 'https://api.example', keys: { timeout: way === 'nothing' ? 2 : 60 } })
auth.refresh().catch(error => console.log(error.statusName))
if (way === 'handled') process.on('SIGTERM', () => process.exit(7))
if (way === 'closed')
  process.on('SIGTERM', () => {
    auth.close()
    clearInterval(alive)
  })
const alive = setInterval(() => {}, 1000)
if (way === 'nothing') clearInterval(alive)
setTimeout(() => {
  if (way === 'exit') process.exit(5)
  if (way === 'throw') throw new Error('as it should')
  console.log('waiting')
}, 50)
