// What a team would build instead of vigie, done well: fastify answers the pixel, BullMQ holds each mail as a delayed job
// that is promoted when its person is seen, so that a process may end at any moment and no mail is lost; a worker's
// nodemailer hands it over on a pool of warm connections. `vigie-load compare` runs it.
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
// A job that nobody's presence promotes goes then, as at a deadline.
const DEADLINE_MS = 24 * 3600 * 1000;

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
    const people = redis.pipeline();
    const jobs = [];
    const tokens = request.body.trim().split('\n').map((line) => {
      const data = JSON.parse(line);
      const recipient = createHash('sha256').update(data.email).digest().subarray(0, 16);
      const jobId = `send-${data.index}`;
      jobs.push({ name: 'mail', data, opts: { jobId, delay: DEADLINE_MS, removeOnComplete: true, attempts: 3 } });
      people.set(`waiting:${recipient.toString('hex')}`, jobId);
      return mint(recipient);
    });
    await queue.addBulk(jobs);
    await people.exec();
    return tokens;
  });

  // Answered before any I/O, as vigie does; one round trip records presence and tells what waits.
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
  const [, [, waiting]] = await redis.pipeline()
    .set(`online:${recipient}`, '1', 'EX', 180)
    .getdel(`waiting:${recipient}`)
    .exec();
  const job = waiting && await queue.getJob(waiting);
  if (job) await job.promote();
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
