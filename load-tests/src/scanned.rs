//! A scanner that opens each mail two seconds after its arrival and follows a link in it, before people who have many
//! more mails waiting: without protection each scan would let the next mail out, and the whole queue would drain.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use vigie::cli::demo::sink::{Sink, Taken};
use vigie::clock::Clock;
use vigie::model::{Grantee, Name, SendId};
use vigie::secrets::Secrets;
use vigie::token::{Kind, Purpose, Token, day};

use crate::fires::MAIL_CLIENT;
use crate::gateway::Gateway;
use crate::store::Choice;

/// The scanner comes so long after a mail.
const AFTER: Duration = Duration::from_secs(2);

/// What it calls itself: a browser, as mail gateways do.
const SCANNER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

/// What to run.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// People.
    #[arg(long, default_value_t = 10_000)]
    people: usize,
    /// Sends that wait for each of them.
    #[arg(long, default_value_t = 100)]
    waiting: usize,
    /// People a second who look into their mailbox, once each.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    #[command(flatten)]
    store: Choice,
}

/// Runs the scenario, prints what went out, and fails if a scan let anything out.
pub async fn run(options: Options) -> Result<()> {
    let store = options.store.open()?;
    let (sink, mails) = Sink::start("127.0.0.1:0".parse()?).await?;
    let relay = format!("smtp://{}?tls=none", sink.address());
    // No gap: nothing but the verdicts stands between one mail and the next.
    let settings = [("VIGIE__RELAY__URL", relay.as_str()), ("VIGIE__PRESENCE__MIN_GAP", "0s")];
    let gateway = Gateway::start(store.url(), &settings).await?;
    enqueue(&gateway, &options).await?;
    let mint = Arc::new(Mint { secrets: gateway.secrets()?, clock: Clock::system() });
    let visits = tokio::spawn(visit(gateway.edge, Arc::clone(&mint), options.people, options.rate));
    let scanned = scan(gateway.edge, &mint, mails, options.people).await?;
    visits.await??;
    let Scanned { mails, people, scans } = scanned;
    let waiting = gateway.metric("vigie_sends{", "waiting").await?;
    println!(
        "scanned: {} people, {} sends each, {} mails, {scans} scans",
        options.people, options.waiting, mails
    );
    println!("  sends fired by scans {}, still waiting {waiting}", mails - people);
    anyhow::ensure!(mails == people, "{mails} mails went out to {people} people");
    anyhow::ensure!(people == options.people, "{people} people got their mail");
    Ok(())
}

async fn enqueue(gateway: &Gateway, options: &Options) -> Result<()> {
    let mut client = gateway.client().await?;
    for person in (0..options.people).step_by(20) {
        let people = person..options.people.min(person + 20);
        let lines: String =
            people.flat_map(|person| (0..options.waiting).map(move |n| line(person, n))).collect();
        let answer = client.send(Method::POST, "/v1/sends", "application/x-ndjson", lines).await?;
        anyhow::ensure!(answer.status.is_success(), "enqueue: {}", answer.status);
    }
    Ok(())
}

fn line(person: usize, n: usize) -> String {
    let send = json!({
        "id": format!("scan-{person}-{n}"), "brand": "demo", "to": {"email": address(person)},
        "template": "reminder", "vars": {"amount": "120.00 EUR", "due_date": "2026-12-01"},
    });
    format!("{send}\n")
}

fn address(person: usize) -> String {
    format!("person{person}@load.example")
}

/// Makes the addresses that a mail holds.
struct Mint {
    secrets: Secrets,
    clock: Clock,
}

impl Mint {
    /// The pixel or link of a mail to this person; of an old one, if none is named.
    fn path(&self, kind: Kind, person: usize, mail: Option<&str>) -> Result<String> {
        let brand: Name = "demo".parse()?;
        let token = Token {
            kind,
            expires: Some(day(self.clock.now()) + 400),
            recipient: self.secrets.identity.of_address(&address(person))?,
            send: mail.map(|reference| SendId::derive(&brand, reference)),
            purpose: Purpose::Presence,
            destination: if kind == Kind::Click { "https://pay.example/".to_owned() } else { String::new() },
        };
        let token = token.mint(&self.secrets.ring, &Grantee::Brand(brand))?;
        Ok(format!("{}{token}", if kind == Kind::Click { "/c/" } else { "/o/" }))
    }
}

/// Everybody looks into an old mail, once.
async fn visit(edge: SocketAddr, mint: Arc<Mint>, people: usize, rate: u32) -> Result<()> {
    let mut lane = Lane::open(edge).await?;
    let start = tokio::time::Instant::now();
    for person in 0..people {
        tokio::time::sleep_until(start + Duration::from_secs(1) * u32::try_from(person)? / rate).await;
        lane.ask(&mint.path(Kind::Open, person, None)?, MAIL_CLIENT).await?;
    }
    Ok(())
}

/// What came of it.
struct Scanned {
    mails: usize,
    people: usize,
    scans: usize,
}

/// Opens every mail two seconds after it went out, until nothing has come for twice as long.
async fn scan(
    edge: SocketAddr,
    mint: &Mint,
    mut mails: mpsc::Receiver<Taken>,
    people: usize,
) -> Result<Scanned> {
    let mut lane = Lane::open(edge).await?;
    let (mut due, mut seen) = (VecDeque::<(Instant, usize, String)>::new(), vec![false; people]);
    let mut done = Scanned { mails: 0, people: 0, scans: 0 };
    let mut last = Instant::now();
    loop {
        let next = due.front().map_or(last + AFTER * 4, |(at, ..)| *at);
        tokio::select! {
            mail = mails.recv() => {
                let mail = mail.context("the sink has ended")?;
                let (person, reference) = addressee(&mail.message).context("a mail of ours")?;
                last = Instant::now();
                done.mails += 1;
                done.people += usize::from(!std::mem::replace(&mut seen[person], true));
                due.push_back((mail.at + AFTER, person, reference));
            }
            () = tokio::time::sleep_until(next.into()) => {
                let Some((_, person, reference)) = due.pop_front() else { return Ok(done) };
                lane.ask(&mint.path(Kind::Open, person, Some(&reference))?, SCANNER).await?;
                lane.ask(&mint.path(Kind::Click, person, Some(&reference))?, SCANNER).await?;
                done.scans += 2;
                last = Instant::now();
            }
        }
    }
}

/// Whose mail it is, and which.
fn addressee(message: &[u8]) -> Option<(usize, String)> {
    let text = String::from_utf8_lossy(message);
    let reference = text.lines().find_map(|line| line.strip_prefix("X-Vigie-Send: "))?.trim().to_owned();
    let person = reference.strip_prefix("scan-")?.split('-').next()?.parse().ok()?;
    Some((person, reference))
}

/// A connection to the edge whose answers nobody needs.
struct Lane(tokio::net::tcp::OwnedWriteHalf);

impl Lane {
    async fn open(edge: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(edge).await?;
        stream.set_nodelay(true)?;
        let (mut answers, requests) = stream.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut answers, &mut tokio::io::sink()).await });
        Ok(Self(requests))
    }

    async fn ask(&mut self, path: &str, agent: &str) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: edge\r\nUser-Agent: {agent}\r\n\r\n");
        Ok(self.0.write_all(request.as_bytes()).await?)
    }
}
