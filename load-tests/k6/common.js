// What the scripts share: where the gateway is, how fast to ask, and pixels of people who exist only here.
//
//   EDGE=http://127.0.0.1:8080 API=http://127.0.0.1:8081 KEY=vg_operator_… k6 run load-tests/k6/pixels.js
//
// RATE (iterations a second, 100), DURATION (10s) and PEOPLE (100) may be set, too. Iterations begin at their moments whether
// or not earlier ones have ended (an open model), as long as k6 has virtual users left.

import http from 'k6/http';

const env = (name, otherwise) => __ENV[name] || otherwise;

export const EDGE = env('EDGE', 'http://127.0.0.1:8080');
export const API = env('API', 'http://127.0.0.1:8081');
export const PEOPLE = Number(env('PEOPLE', '100'));

// Nothing may fail. How long answers take is for whoever runs this to judge, on a machine they know.
export const options = {
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: Number(env('RATE', '100')),
      timeUnit: '1s',
      duration: env('DURATION', '10s'),
      preAllocatedVUs: 20,
      maxVUs: 200,
    },
  },
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'] },
  summaryTrendStats: ['med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
  userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)',
};

export const ndjson = {
  headers: { Authorization: `Bearer ${__ENV.KEY}`, 'Content-Type': 'application/x-ndjson' },
};

// An address that no other run uses.
export const address = (number) => `k6-${number}@load.example`;

// The paths of tokens of one kind, one for each of the people.
export function mint(kind, more) {
  const order = (_, number) => JSON.stringify({ brand: 'demo', email: address(number), kind, ...more });
  const lines = Array.from({ length: PEOPLE }, order).join('\n');
  const answer = http.post(`${API}/v1/tokens`, lines, ndjson);
  if (answer.status >= 300) throw new Error(`tokens: ${answer.status} ${answer.body}`);
  return answer.body.trim().split('\n').map((line) => JSON.parse(line).token);
}
