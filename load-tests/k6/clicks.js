// Links in mails: a signed one leads where it was signed for, a forged one nowhere. How to run it: common.js.

import http from 'k6/http';
import { check } from 'k6';
import exec from 'k6/execution';
import { EDGE, mint, options } from './common.js';

export { options };

const DESTINATION = 'https://pay.example/case';
const FORGED = http.expectedStatuses(404);

export const setup = () => mint('click', { to: DESTINATION });

export default function (tokens) {
  const number = exec.scenario.iterationInTest;
  const token = tokens[number % tokens.length];
  const answer = http.get(`${EDGE}/c/${token}`, { redirects: 0, tags: { name: 'click' } });
  check(answer, {
    'is 302': ({ status }) => status === 302,
    'leads where it was signed for': ({ headers }) => headers.Location === DESTINATION,
  });
  if (number % 10 > 0) return;
  const forged = token.slice(0, -4) + (token.endsWith('AAAA') ? 'BBBB' : 'AAAA');
  const params = { redirects: 0, responseCallback: FORGED, tags: { name: 'forged click' } };
  check(http.get(`${EDGE}/c/${forged}`, params), { 'a forged one leads nowhere': ({ status }) => status === 404 });
}
