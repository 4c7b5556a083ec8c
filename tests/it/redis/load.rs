//! What goes on while something is done to Redis: pixels are fetched and letters pushed, all the time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::support::crowd::{Person, come_online, copies};
use crate::support::gateway::{Gateway, api_request};
use crate::support::http::ask;
use crate::support::sink::Sink;
use crate::support::wait::wait_until;

/// The settings of gateways under load; more are added.
pub(super) const SETTINGS: [(&str, &str); 3] =
    [super::SHORT_LEASE, super::INFO, ("VIGIE__PRESENCE__REFRESH", "200ms")];

/// No pixel takes longer, whatever happens; usually it is a millisecond.
const PIXEL: Duration = Duration::from_secs(1);

/// Between two requests of one kind.
const PACE: Duration = Duration::from_millis(5);

/// How long the last letters may take: leases, and some more on a busy machine.
const LAST_LETTERS: Duration = Duration::from_mins(1);

/// One answer to a producer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Push {
    /// When it asked.
    pub(super) at: Instant,
    /// How long the answer took.
    pub(super) took: Duration,
    /// What was answered.
    pub(super) status: StatusCode,
}

#[derive(Debug, Default)]
struct Log {
    pushes: Vec<Push>,
    acknowledged: usize,
    pixels: usize,
    worst: Duration,
    failed: Vec<String>,
}

/// Letters pushed one after the other, each until it is acknowledged, and pixels fetched of everybody in turn.
pub(super) struct Load {
    people: Vec<Person>,
    log: Arc<Mutex<Log>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Load {
    /// Begins.
    pub(super) async fn start(gateway: &Gateway, people: usize) -> Load {
        let people = Person::several(gateway, people).await;
        let log = Arc::<Mutex<Log>>::default();
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(produce(gateway.api(), people.clone(), Arc::clone(&log), stop.clone()));
        tasks.spawn(read(gateway.edge(), people.clone(), Arc::clone(&log), stop.clone()));
        Load { people, log, stop, tasks }
    }

    /// Waits for so many answers of this status to pushes that began since then; gives them.
    pub(super) async fn answers(
        &self,
        since: Instant,
        count: usize,
        status: StatusCode,
        within: Duration,
    ) -> Vec<Push> {
        wait_until(&format!("{count} pushes are answered {status}"), within, async || {
            let log = self.log.lock().expect("sound");
            let fits = |push: &&Push| push.at >= since && push.status == status;
            let found: Vec<Push> = log.pushes.iter().filter(fits).copied().collect();
            (found.len() >= count).then_some(found)
        })
        .await
    }

    /// Ends: every pixel was answered at once, everybody comes online once more, and every letter that was acknowledged
    /// went out once. Gives how many.
    pub(super) async fn end(self, gateway: &Gateway, sinks: &[&Sink]) -> usize {
        self.stop.cancel();
        self.tasks.join_all().await;
        let acknowledged = {
            let log = self.log.lock().expect("sound");
            assert!(log.failed.is_empty(), "{} pixels failed: {}", log.failed.len(), log.failed[0]);
            assert!(log.worst < PIXEL, "a pixel of {} took {:?}", log.pixels, log.worst);
            assert!(log.pixels > 100, "{} pixels", log.pixels);
            log.acknowledged
        };
        let readers = &self.people[..acknowledged];
        wait_until("every letter has a fate", LAST_LETTERS, async || {
            come_online(gateway.knocker(), readers).await;
            let metrics = gateway.metrics();
            let known = metrics.count("vigie_sends_accepted_total", &[]) == acknowledged as u64;
            (known && metrics.undecided() == 0).then_some(())
        })
        .await;
        let copies = copies(&sinks.iter().flat_map(|sink| sink.taken()).collect::<Vec<_>>());
        for person in readers {
            assert_eq!(gateway.state(&person.id).await, "sent", "{}", gateway.send(&person.id).await);
            assert_eq!(copies.get(&person.id), Some(&1), "{} copies", person.id);
        }
        acknowledged
    }
}

/// Whether the gateway says that it is ready, and how long it took to say so.
pub(super) async fn ready(gateway: &Gateway) -> (StatusCode, Duration) {
    let start = Instant::now();
    let request = Request::builder().method(Method::GET).uri("/readyz").body(Full::default());
    let answer = ask(gateway.ops(), request.expect("a valid request")).await.expect("ops answers");
    (answer.status, start.elapsed())
}

async fn produce(api: SocketAddr, people: Vec<Person>, log: Arc<Mutex<Log>>, stop: CancellationToken) {
    for person in people.iter().take_while(|_| !stop.is_cancelled()) {
        loop {
            let at = Instant::now();
            let request = api_request(Method::POST, "/v1/sends", "application/json", person.line());
            let answer = ask(api, request).await.expect("the API answers");
            let status = answer.status;
            let known = matches!(status, StatusCode::ACCEPTED | StatusCode::OK);
            assert!(known || status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {}", answer.text());
            {
                let mut log = log.lock().expect("sound");
                log.pushes.push(Push { at, took: at.elapsed(), status });
                log.acknowledged += usize::from(known);
            }
            sleep(PACE).await;
            if known {
                break;
            }
        }
    }
}

async fn read(edge: SocketAddr, people: Vec<Person>, log: Arc<Mutex<Log>>, stop: CancellationToken) {
    let knocker = crate::support::gateway::Knocker(edge);
    for person in people.iter().cycle().take_while(|_| !stop.is_cancelled()) {
        let start = Instant::now();
        let answer = knocker.open(&person.pixel).await;
        {
            let mut log = log.lock().expect("sound");
            log.pixels += 1;
            log.worst = log.worst.max(start.elapsed());
            match answer {
                Ok(answer) if answer.status == StatusCode::OK && answer.body.len() == 43 => {}
                Ok(answer) => log.failed.push(answer.status.to_string()),
                Err(error) => log.failed.push(error),
            }
        }
        sleep(PACE).await;
    }
}

/// What `/v1/stats` says of the sample brand.
pub(super) async fn stats(gateway: &Gateway) -> Value {
    let answer = gateway.call(Method::GET, "/v1/stats", &Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["brands"][0]["total"].clone()
}
