// Sends of a producer, many in each request, and each of them twice: the second time it is the same. How to run it: common.js;
// LINES (20) is how many stand in a request.

import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter } from 'k6/metrics';
import exec from 'k6/execution';
import { API, address, ndjson, options } from './common.js';

export { options };

const LINES = Number(__ENV.LINES || '20');
const TRIES = 60;
const TAKEN_OR_BUSY = http.expectedStatuses({ min: 200, max: 299 }, 503);
const busy = new Counter('told_to_come_back');

// Another run's sends have other ids.
export const setup = () => `k6-${Date.now()}`;

function line(run, number) {
  return JSON.stringify({
    id: `${run}-${number}`,
    brand: 'demo',
    campaign: 'k6',
    to: { email: address(number) },
    template: 'reminder',
    vars: { amount: '120.00 EUR', due_date: '2026-12-01' },
  });
}

// What each line was answered. 503 means that too many push at the same time and nothing was done: whoever hears it comes back.
function push(lines, name) {
  const params = { ...ndjson, responseCallback: TAKEN_OR_BUSY, tags: { name } };
  for (let tries = 0; tries < TRIES; tries += 1) {
    const answer = http.post(`${API}/v1/sends`, lines, params);
    if (answer.status !== 503) return answer.body.trim().split('\n').map((said) => JSON.parse(said).status);
    busy.add(1);
    sleep(Math.random());
  }
  return [];
}

export default function (run) {
  const first = exec.scenario.iterationInTest * LINES;
  const lines = Array.from({ length: LINES }, (_, number) => line(run, first + number)).join('\n');
  const all = (expected) => (said) => said.length === LINES && said.every((status) => status === expected);
  check(push(lines, 'new sends'), { 'all are accepted': all(202) });
  check(push(lines, 'the same sends'), { 'all are the same': all(200) });
}
