// What a team would build instead of vigie, done well: fastify answers the pixel, Redis knows who has a mail waiting,
// BullMQ carries the job to a worker, nodemailer hands it over on a pool of warm connections. `vigie-load compare` runs it.
//
//   REDIS_URL=redis://… RELAY=host:port node server.js     prints the port it listens on
//
//   POST /sends           NDJSON of {index, email, …}: each waits for its recipient; answers a token for each
//   GET  /o/<token>.gif   verifies the token, answers the GIF, fires what waits
'use strict';

const { createHmac, createHash, timingSafeEqual } = require('node:crypto');
const { fork } = require('node:child_process');
const fastify = require('fastify');
const Redis = require('ioredis');
const { Queue, Worker } = require('bullmq');
const nodemailer = require('nodemailer');

const KEY = Buffer.alloc(32, 42);
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const QUEUE = 'fire';
const POOL = 8;

const connection = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const sign = (payload) => createHmac('sha256', KEY).update(payload).digest().subarray(0, 16);

// Token: recipient (16 bytes) and signature (16 bytes), base64url.
function mint(recipient) {
  return Buffer.concat([recipient, sign(recipient)]).toString('base64url');
}

function verify(token) {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length !== 32) return null;
  const recipient = bytes.subarray(0, 16);
  return timingSafeEqual(sign(recipient), bytes.subarray(16)) ? recipient.toString('hex') : null;
}

async function serve() {
  const redis = connection();
  const queue = new Queue(QUEUE, { connection: connection() });
  const app = fastify({ logger: false, bodyLimit: 64 << 20 });
  app.addContentTypeParser('application/x-ndjson', { parseAs: 'string' }, (_, body, done) => done(null, body));

  app.post('/sends', async (request) => {
    const batch = redis.pipeline();
    const tokens = request.body.trim().split('\n').map((line) => {
      const recipient = createHash('sha256').update(JSON.parse(line).email).digest().subarray(0, 16);
      batch.set(`waiting:${recipient.toString('hex')}`, line);
      return mint(recipient);
    });
    await batch.exec();
    return tokens;
  });

  // Answered before any I/O, as vigie does; one round trip records presence and takes what waits.
  app.get('/o/:file', (request, reply) => {
    const recipient = verify(request.params.file.replace(/\.gif$/, ''));
    reply.header('content-type', 'image/gif').header('cache-control', 'no-store').send(GIF);
    if (recipient) fire(redis, queue, recipient).catch((error) => console.error(error.message));
  });

  await queue.waitUntilReady();
  await app.listen({ port: 0, host: '127.0.0.1' });
  console.log(app.server.address().port);
}

async function fire(redis, queue, recipient) {
  const [, [, send]] = await redis.pipeline()
    .set(`online:${recipient}`, '1', 'EX', 180)
    .getdel(`waiting:${recipient}`)
    .exec();
  if (send) await queue.add('mail', JSON.parse(send), { removeOnComplete: true, attempts: 3 });
}

async function work() {
  const [host, port] = process.env.RELAY.split(':');
  const mailer = nodemailer.createTransport({
    host, port: Number(port), pool: true, maxConnections: POOL, maxMessages: Infinity, ignoreTLS: true,
  });
  const worker = new Worker(QUEUE, (job) => mailer.sendMail(mail(job.data)), {
    connection: connection(), concurrency: 4 * POOL,
  });
  worker.on('failed', (_, error) => console.error(error.message));
  await worker.waitUntilReady();
  process.send('ready');
}

function mail({ index, email, name, amount, due_date: due }) {
  return {
    from: 'Demo Collections <reminders@demo.example>',
    to: { name, address: email },
    subject: `Your payment of ${amount}`,
    headers: { 'X-Vigie-Send': `load-${index}` },
    text: `Dear ${name},\n\n${amount} is due on ${due}.\n`,
    html: `<p>Dear ${name},</p><p>${amount} is due on ${due}.</p>`,
  };
}

// The worker is a process of its own: the endpoint's event loop does nothing but answer and queue. It ends with it.
if (process.env.ROLE === 'worker') {
  process.once('disconnect', () => process.exit(0));
  work();
} else {
  fork(__filename, { env: { ...process.env, ROLE: 'worker' } }).once('message', serve);
}
