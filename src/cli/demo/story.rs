//! What happens in the demonstration, scene by scene.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::show::Show;
use super::sink::Taken;
use crate::app::Addresses;
use crate::cli::http::{Answer, Client};
use crate::cli::{Exit, Failure};
use crate::config::StoreUrl;

/// The people written to, and where they are when they look at their mail.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("Marie", "marie@mail.example", "opens last week's mail on her phone"),
    ("Paul", "paul@post.example", "reads the newsletter over breakfast"),
    ("Léa", "lea@mail.example", "opens a mail on the train"),
    ("Jonas", "jonas@web.example", "pays before he reads anything"),
    ("Inès", "ines@mail.example", "opens her webmail after work"),
    ("Tom", "tom@post.example", "has not looked at his mail yet"),
];
/// Who is online already when her letter is queued.
const ONLINE: (&str, &str) = ("Zoé", "zoe@mail.example");
/// Whose case is settled before they come online.
const PAYS: usize = 3;
/// Who never comes online.
const AWAY: usize = 5;

/// What the mail clients of these people call themselves.
const MAIL_CLIENT: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// Between two scenes, so that one can follow.
const PAUSE: Duration = Duration::from_millis(450);
/// Between two looks at the books.
const MOMENT: Duration = Duration::from_millis(20);
/// The longest a scene waits for its mail.
const PATIENCE: Duration = Duration::from_secs(5);

/// The people, their pixels, and the connections to the gateway.
pub(super) struct Story {
    api: Client,
    edge: Client,
    mails: mpsc::Receiver<Taken>,
    show: Show,
    latencies: Vec<Duration>,
    /// A part of all ids, so that it can be told again where it was told before.
    run: String,
}

impl Story {
    /// Connects to the gateway.
    pub(super) async fn new(at: Addresses, key: &str, mails: mpsc::Receiver<Taken>) -> Result<Self, Failure> {
        let api = Client::connect(at.api, Some(key)).await.map_err(broken)?;
        let edge = Client::connect(at.edge, None).await.map_err(broken)?.with_agent(MAIL_CLIENT);
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(broken)?;
        let run = const_hex::encode(run);
        Ok(Self { api, edge, mails, show: Show::default(), latencies: Vec::new(), run })
    }

    /// Tells the story from the first letter queued to the books balanced.
    pub(super) async fn tell(&mut self, store: &StoreUrl) -> Result<(), Failure> {
        self.show.opening(store);
        let before = self.stats().await?;
        for (index, person) in PEOPLE.iter().enumerate() {
            self.queue(index, person.1, person.0).await?;
        }
        self.show.queued(PEOPLE.len());
        for (index, &(name, email, scene)) in PEOPLE.iter().enumerate() {
            tokio::time::sleep(PAUSE).await;
            match index {
                PAYS => self.pays(index, name, scene).await?,
                AWAY => self.show.stays(name, scene),
                _ => self.comes_online(name, email, scene).await?,
            }
        }
        tokio::time::sleep(PAUSE).await;
        self.forgery().await?;
        tokio::time::sleep(PAUSE).await;
        self.arrives_while_online().await?;
        self.books(&before).await
    }

    /// Queues one letter, as a lender's dunning system would.
    async fn queue(&mut self, index: usize, email: &str, name: &str) -> Result<(), Failure> {
        let run = &self.run;
        let send = json!({
            "id": format!("{run}-{index}"), "brand": "demo", "campaign": "first-reminder", "case": format!("{run}-{index}"),
            "to": {"email": email, "name": name}, "template": "reminder",
            "vars": {"amount": "120.00 €", "due_date": "2026-12-01"},
        });
        let answer = self.post("/v1/sends", &send).await?;
        expect(&answer, StatusCode::ACCEPTED, "queueing a letter")
    }

    /// Somebody's mail client fetches the pixel of an older mail; their letter must leave at once.
    async fn comes_online(&mut self, name: &str, email: &str, scene: &str) -> Result<(), Failure> {
        let path = self.pixel(email).await?;
        let asked = Instant::now();
        self.edge.get(&path).await.map_err(broken)?;
        let taken = self.mail().await?;
        let latency = taken.at.saturating_duration_since(asked);
        self.latencies.push(latency);
        self.show.fired(name, scene, latency, taken.round_trips);
        Ok(())
    }

    /// A debt is paid: its letter must not leave any more.
    async fn pays(&mut self, index: usize, name: &str, scene: &str) -> Result<(), Failure> {
        let path = format!("/v1/cases/demo/{}-{index}/settle", self.run);
        let answer = self.post(&path, &json!({"reason": "paid"})).await?;
        expect(&answer, StatusCode::OK, "settling a case")?;
        self.show.settled(name, scene);
        Ok(())
    }

    /// A forged pixel gets the same answer and does nothing.
    async fn forgery(&mut self) -> Result<(), Failure> {
        let answer = self.edge.get("/o/AQEAAf-forged.gif").await.map_err(broken)?;
        expect(&answer, StatusCode::OK, "a forged pixel")?;
        self.show.forged();
        Ok(())
    }

    /// A letter queued for somebody who is online leaves without waiting for a pixel.
    async fn arrives_while_online(&mut self) -> Result<(), Failure> {
        let (name, email) = ONLINE;
        let path = self.pixel(email).await?;
        self.edge.get(&path).await.map_err(broken)?;
        tokio::time::sleep(PAUSE).await;
        let asked = Instant::now();
        self.queue(PEOPLE.len(), email, name).await?;
        let taken = self.mail().await?;
        let latency = taken.at.saturating_duration_since(asked);
        self.show.fired(name, "is online when her letter is queued", latency, taken.round_trips);
        Ok(())
    }

    /// Every letter has exactly one fate; the last one's is recorded a moment after its 250.
    async fn books(&mut self, before: &Value) -> Result<(), Failure> {
        let claimed = |total: &Value| total["states"]["claimed"].as_u64().unwrap_or(0);
        let asked = Instant::now();
        let mut after = self.stats().await?;
        while claimed(&after) > claimed(before) && asked.elapsed() < PATIENCE {
            tokio::time::sleep(MOMENT).await;
            after = self.stats().await?;
        }
        self.show.books(before, &after, &mut self.latencies)
    }

    /// The counters of the brand that writes; null before its first letter.
    async fn stats(&mut self) -> Result<Value, Failure> {
        let answer = self.api.get("/v1/stats").await.map_err(broken)?;
        expect(&answer, StatusCode::OK, "the statistics")?;
        let stats: Value = serde_json::from_slice(&answer.body).map_err(broken)?;
        let mut brands = stats["brands"].as_array().into_iter().flatten();
        Ok(brands.find(|brand| brand["brand"] == "demo").map_or(Value::Null, |brand| brand["total"].clone()))
    }

    /// Leaves nobody behind in the store, and no letter that waits.
    pub(super) async fn forget(&mut self) -> Result<(), Failure> {
        for email in PEOPLE.iter().map(|person| person.1).chain([ONLINE.1]) {
            let answer = self.post("/v1/recipients/forget", &json!({"email": email})).await?;
            expect(&answer, StatusCode::OK, "forgetting a person")?;
        }
        Ok(())
    }

    /// The path of a pixel as an older mail to this person carries it.
    async fn pixel(&mut self, email: &str) -> Result<String, Failure> {
        let answer =
            self.post("/v1/tokens", &json!({"brand": "demo", "email": email, "kind": "open"})).await?;
        expect(&answer, StatusCode::OK, "minting a pixel")?;
        let minted: Value = serde_json::from_slice(&answer.body).map_err(broken)?;
        let token = minted["token"].as_str().unwrap_or_default();
        Ok(format!("/o/{token}.gif"))
    }

    /// The next mail the sink takes.
    async fn mail(&mut self) -> Result<Taken, Failure> {
        let taken = tokio::time::timeout(PATIENCE, self.mails.recv()).await;
        taken
            .ok()
            .flatten()
            .ok_or_else(|| Failure::new(Exit::Internal, "the letter did not arrive at the sink"))
    }

    async fn post(&mut self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.api.send(Method::POST, path, "application/json", body.to_string()).await.map_err(broken)
    }
}

fn expect(answer: &Answer, status: StatusCode, what: &str) -> Result<(), Failure> {
    if answer.status == status {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&answer.body);
    Err(Failure::new(Exit::Internal, format!("{what} was answered {}: {body}", answer.status)))
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}
