// Pixels of mails that people open: each is the same GIF, whatever becomes of it. How to run it: common.js.

import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import { EDGE, mint, options } from './common.js';

export { options };

export const setup = () => mint('open');

export default function (tokens) {
  const token = tokens[exec.scenario.iterationInTest % tokens.length];
  const answer = http.get(`${EDGE}/o/${token}.gif`, { responseType: 'binary', tags: { name: 'pixel' } });
  check(answer, {
    'is 200': ({ status }) => status === 200,
    'is a GIF of 43 bytes': ({ body, headers }) => headers['Content-Type'] === 'image/gif' && body.byteLength === 43,
    'is not cached': ({ headers }) => headers['Cache-Control'].includes('no-store'),
  });
}
