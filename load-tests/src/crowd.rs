//! People who come online as a profile says, each with one send that waits, and the mails they get: the common part of the
//! scenarios that look for limits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use vigie::cli::demo::sink::Taken;

use crate::compare;
use crate::fires::Mail;
use crate::gateway::Gateway;
use crate::lanes::{Answers, Lanes};
use crate::live::Live;
use crate::people;
use crate::samples::Samples;

/// Who is measured.
pub enum Side {
    /// vigie.
    Vigie(Box<Gateway>),
    /// What a team would build instead, by where it listens.
    Node(SocketAddr),
}

/// A side and the mails it sends.
pub struct Crowd {
    /// Who is measured.
    pub side: Side,
    mails: mpsc::Receiver<Taken>,
    /// The first person who was not asked to come yet.
    next: usize,
}

/// So many people a second, for so long.
#[derive(Debug, Clone, Copy)]
pub struct Phase {
    /// People who come online each second.
    pub rate: f64,
    /// For so long.
    pub lasts: Duration,
}

/// People who will come, each with a send that waits.
pub struct Expected {
    what: String,
    /// Who comes when.
    visits: Vec<(usize, Duration)>,
    /// What each asks for.
    paths: Vec<String>,
}

/// What came of a profile.
pub struct Run {
    /// When its first phase began.
    pub start: Instant,
    /// From each pixel's planned moment to the 250.
    pub mails: Samples,
    /// What the edge answered.
    pub answers: Answers,
    /// People who came.
    pub people: usize,
    /// Those of them who got no mail.
    pub missing: Vec<usize>,
}

/// Connections the pixels arrive on.
const CONNECTIONS: usize = 16;

/// When all pixels were asked for, mails are waited for until none has come for so long.
const QUIET: Duration = Duration::from_secs(3);

impl Phase {
    /// A phase of so many seconds.
    pub const fn new(rate: f64, lasts: Duration) -> Self {
        Self { rate, lasts }
    }

    /// When each of its people comes, from its beginning on.
    fn moments(self) -> impl Iterator<Item = Duration> {
        let interval = 1.0 / self.rate.max(f64::MIN_POSITIVE);
        (0_u32..)
            .map(move |number| f64::from(number) * interval)
            .take_while(move |at| *at < self.lasts.as_secs_f64())
            .map(Duration::from_secs_f64)
    }
}

/// When each person of a profile comes, from its beginning on.
pub fn moments(profile: &[Phase]) -> Vec<Duration> {
    let mut begins = Duration::ZERO;
    let mut all = Vec::new();
    for phase in profile {
        all.extend(phase.moments().map(|at| begins + at));
        begins += phase.lasts;
    }
    all
}

impl Crowd {
    /// A crowd whose mails arrive at `mails`.
    pub const fn new(side: Side, mails: mpsc::Receiver<Taken>) -> Self {
        Self { side, mails, next: 0 }
    }

    /// The gateway, if it is vigie that is measured.
    pub fn gateway(&self) -> Result<&Gateway> {
        match &self.side {
            Side::Vigie(gateway) => Ok(gateway),
            Side::Node(_) => anyhow::bail!("only vigie can be asked that"),
        }
    }

    const fn edge(&self) -> SocketAddr {
        match &self.side {
            Side::Vigie(gateway) => gateway.edge,
            Side::Node(address) => *address,
        }
    }

    /// A send for each of these people; the paths of their pixels.
    async fn prepare(&self, people: Range<usize>) -> Result<Vec<String>> {
        match &self.side {
            Side::Vigie(gateway) => {
                people::enqueue(gateway, people.clone()).await?;
                people::paths(gateway, people)
            }
            Side::Node(address) => compare::push(*address, people).await,
        }
    }

    /// New people come online as the profile says; ends when their mails have come, or no more come.
    pub async fn run(&mut self, what: &str, profile: &[Phase]) -> Result<Run> {
        let expected = self.expect(what, profile).await?;
        self.come(expected, Instant::now() + Duration::from_millis(100)).await
    }

    /// A send for each person who will come.
    pub async fn expect(&mut self, what: &str, profile: &[Phase]) -> Result<Expected> {
        let moments = moments(profile);
        let people = self.next..self.next + moments.len();
        self.next = people.end;
        let paths = self.prepare(people.clone()).await?;
        Ok(Expected { what: what.to_owned(), visits: people.zip(moments).collect(), paths })
    }

    /// People whose sends wait since an earlier run come again, so many a second.
    pub fn again(&self, what: &str, people: &[usize], rate: f64) -> Result<Expected> {
        let visits = people.iter().enumerate();
        let visits = visits.map(|(place, person)| (*person, Duration::from_secs_f64(place as f64 / rate)));
        let paths = people::paths(self.gateway()?, people.iter().copied())?;
        Ok(Expected { what: what.to_owned(), visits: visits.collect(), paths })
    }

    /// Those who are expected come from a moment on.
    pub async fn come(&mut self, expected: Expected, start: Instant) -> Result<Run> {
        let Expected { what, visits, paths } = expected;
        let people = visits.len();
        let mut planned: HashMap<usize, Instant> =
            visits.iter().map(|(person, moment)| (*person, start + *moment)).collect();
        let mut lanes = Lanes::open(self.edge(), CONNECTIONS)?;
        let taken = Arc::new(AtomicU64::new(0));
        let _live = Live::watch(line(&what, &lanes, &taken, people));
        let asking = tokio::task::spawn_blocking(move || {
            for ((_, moment), path) in visits.iter().zip(&paths) {
                lanes.get(start + *moment, path)?;
            }
            lanes.close()
        });
        let mails = self.collect(&mut planned, &taken, || asking.is_finished()).await?;
        let answers = asking.await??;
        Ok(Run { start, mails, answers, people, missing: planned.into_keys().collect() })
    }

    /// The mails of all who are planned, or of those who get one; these are not planned any more.
    async fn collect(
        &mut self,
        planned: &mut HashMap<usize, Instant>,
        taken: &AtomicU64,
        asked: impl Fn() -> bool,
    ) -> Result<Samples> {
        let mut mails = Samples::default();
        while !planned.is_empty() {
            match tokio::time::timeout(QUIET, self.mails.recv()).await {
                Ok(mail) => {
                    let Some(mail) = Mail::of(&mail.context("the sink has ended")?) else { continue };
                    // Whoever came in an earlier run and was served late is not of this one.
                    let Some(moment) = planned.remove(&mail.person) else { continue };
                    mails.add(moment, mail.at);
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) if asked() => break,
                Err(_) => {}
            }
        }
        Ok(mails)
    }
}

/// What the run does at the moment.
fn line(
    what: &str,
    lanes: &Lanes,
    taken: &Arc<AtomicU64>,
    people: usize,
) -> impl FnMut() -> String + Send + use<> {
    let (asked, taken, what) = (lanes.progress(), Arc::clone(taken), what.to_owned());
    let (mut last, mut before) = (Instant::now(), 0);
    move || {
        let (asked, answered) = asked.so_far();
        let mails = taken.load(Ordering::Relaxed);
        let rate = (mails - before) as f64 / last.elapsed().as_secs_f64();
        (last, before) = (Instant::now(), mails);
        format!("{what}: {asked} of {people} came, {answered} answered, {mails} mails ({rate:.0}/s)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_as_the_profile_says() {
        let second = Duration::from_secs(1);
        let moments = moments(&[Phase::new(2.0, second), Phase::new(0.0, second), Phase::new(4.0, second)]);
        let seconds: Vec<f64> = moments.iter().map(Duration::as_secs_f64).collect();
        assert_eq!(seconds.len(), 7, "{seconds:?}");
        assert!((seconds[1] - 0.5).abs() < 1e-9 && (seconds[3] - 2.0).abs() < 1e-9, "{seconds:?}");
    }
}
