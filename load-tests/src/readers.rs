//! People who read old mails while others get new ones: pixels, links, and now and then somebody who unsubscribes.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Result, anyhow};
use vigie::secrets::Secrets;
use vigie::token::Kind;

use crate::crowd::{Phase, moments};
use crate::gateway::Gateway;
use crate::lanes::{Answers, Lanes};
use crate::people;

/// How many they are; each is heard of again and again.
const PEOPLE: usize = 10_000;

/// They are other people than those who get mail: numbered from here on.
const FIRST: usize = 1_000_000_000;

/// Connections they come on.
const CONNECTIONS: usize = 8;

/// Of so many requests one follows a link ...
const LINKS: usize = 5;

/// ... and of so many one unsubscribes, after a look at the page in the request before.
const LEAVING: usize = 1000;

/// What a mail client sends when its "unsubscribe" is pressed (RFC 8058).
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// Readers under way.
pub struct Readers {
    asking: std::thread::JoinHandle<Result<Answers>>,
}

/// What they ask for.
struct Paths {
    pixels: Vec<String>,
    links: Vec<String>,
    leaving: Vec<String>,
}

impl Readers {
    /// They read as the profile says, from `start` on.
    pub fn start(gateway: &Gateway, profile: &[Phase], start: Instant) -> Result<Self> {
        let (edge, paths, moments) = (gateway.edge, Paths::of(&gateway.secrets()?)?, moments(profile));
        let lanes = Lanes::open(edge, CONNECTIONS)?;
        let asking = std::thread::spawn(move || {
            let plan = moments.into_iter().map(|at| start + at);
            ask(lanes, edge, &paths, plan)
        });
        Ok(Self { asking })
    }

    /// What they were answered.
    pub fn end(self) -> Result<Answers> {
        self.asking.join().map_err(|_| anyhow!("the readers' thread panicked"))?
    }
}

impl Paths {
    fn of(secrets: &Secrets) -> Result<Self> {
        let all = |kind, to| -> Result<Vec<String>> {
            (FIRST..FIRST + PEOPLE).map(|person| people::path(secrets, person, kind, to)).collect()
        };
        let links = all(Kind::Click, "https://pay.example/case")?;
        Ok(Self { pixels: all(Kind::Open, "")?, links, leaving: all(Kind::Unsubscribe, "")? })
    }
}

fn ask(
    mut lanes: Lanes,
    edge: SocketAddr,
    paths: &Paths,
    plan: impl Iterator<Item = Instant>,
) -> Result<Answers> {
    for (number, planned) in plan.enumerate() {
        let person = number % PEOPLE;
        match number % LEAVING {
            0 => lanes.get(planned, &paths.leaving[person])?,
            1 => lanes.ask(planned, "POST", &paths.leaving[person], ONE_CLICK)?,
            other if other % LINKS == 0 => lanes.get(planned, &paths.links[person])?,
            _ => lanes.get(planned, &paths.pixels[person])?,
        }
    }
    lanes.close().map_err(|error| error.context(format!("readers at {edge}")))
}
