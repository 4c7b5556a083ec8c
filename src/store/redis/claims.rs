//! Claiming, and what the holder of a claim says: still at it, handing over now, this is how it ended.

use std::fmt;
use std::time::Duration;

use redis::{Cmd, Value};

use super::enqueue::words;
use super::fault::Fault;
use super::inner::Inner;
use super::library::functions;
use super::reply::{Reply, int};
use super::router::Lane;
use super::show;
use crate::model::{Cause, ConsentRule, Finish, Hint, Hold, Landed, MailAge, Origin, Source, Worth};
use crate::store::time::millis;
use crate::store::{Fenced, Ignored, StoreError, Touch, Touched};

impl Inner {
    fn touch_call(&self, function: &str, touch: &Touch) -> Cmd {
        let mut call = self.partitions.of(touch.recipient).fcall(function);
        let source = Source::ALL.iter().position(|known| *known == touch.source).unwrap_or_default();
        // One argument: the slice and the source's digit.
        let seen = self.slice() * 10 + i64::try_from(source).unwrap_or_default();
        call.arg(&touch.recipient.0[..])
            .arg(&touch.request.0[..])
            .arg(seen)
            .arg((self.spans.window - 1).max(1));
        match touch.about {
            Some(send) => call.arg(&send.0[..]),
            None => call.arg(""),
        };
        match &touch.origin {
            Origin::Tracked { grantee, rule } => {
                call.arg(show::grantee(grantee)).arg(i32::from(*rule == ConsentRule::Presumed))
            }
            Origin::Trusted => call.arg("").arg(0),
        };
        call.arg(&self.spans.touching).arg(worth(touch));
        self.hold_back(&mut call);
        call
    }

    pub(super) async fn touch(&self, touch: &Touch) -> Result<Touched, StoreError> {
        let place = self.partitions.of(touch.recipient).place;
        let call = self.touch_call(&functions().touch, touch);
        let answer = self.router.call(Lane::Hot, place, call).await;
        self.touched(touch, answer).await
    }

    pub(super) async fn touch_all(&self, touches: &[Touch]) -> Vec<Result<Touched, StoreError>> {
        if let [touch] = touches {
            return vec![self.touch(touch).await];
        }
        let call = |touch: &Touch| {
            (self.partitions.of(touch.recipient).place, self.touch_call(&functions().touch, touch))
        };
        let answers = self.router.many(Lane::Hot, touches.iter().map(call).collect()).await;
        let mut all = Vec::with_capacity(touches.len());
        for (touch, answer) in touches.iter().zip(answers) {
            all.push(self.touched(touch, answer).await);
        }
        all
    }

    /// What the function's answer means.
    async fn touched(&self, touch: &Touch, answer: Result<Value, Fault>) -> Result<Touched, StoreError> {
        let answer = match answer {
            // Short of memory: mails go out all the same, or it would never get better.
            Err(Fault::OutOfMemory) => {
                let call = self.touch_call(&functions().touch_full, touch);
                self.call(Lane::Hot, self.partitions.of(touch.recipient), call).await?
            }
            answer => answer?,
        };
        self.claimed(touch, answer)
    }

    fn claimed(&self, touch: &Touch, answer: Value) -> Result<Touched, StoreError> {
        if let Value::Int(code) = answer {
            return Ok(Touched { ignored: ignored(code), ..Touched::default() });
        }
        let mut reply = Reply::of(answer)?;
        let (code, age, place) = (reply.int()?, mail_age(reply.int()?), reply.text()?);
        let landed = landed(&place, age);
        let mut touched =
            Touched { ignored: ignored(code), age, joined: code == JOINED, landed, claims: Vec::new() };
        if !reply.is_empty() {
            self.turns.hint(self.partitions.number_of(touch.recipient), reply.int()?);
            touched.claims = self.claims(reply.claims()?, touch.request, Cause::Touch);
        }
        Ok(touched)
    }

    pub(super) async fn renew(&self, holds: &[Hold]) -> Result<Vec<Fenced>, StoreError> {
        let mut by_partition = vec![Vec::new(); self.partitions.all().len()];
        for (place, hold) in holds.iter().enumerate() {
            by_partition[usize::from(self.partitions.number_of(hold.recipient))].push((place, *hold));
        }
        let asked: Vec<_> =
            by_partition.into_iter().enumerate().filter(|(_, holds)| !holds.is_empty()).collect();
        let ask = |(number, holds): &(usize, Vec<(usize, Hold)>)| {
            let partition = &self.partitions.all()[*number];
            let mut call = partition.fcall(&functions().renew);
            call.arg(self.spans.lease);
            for (_, hold) in holds {
                call.arg(&hold.send.0[..]).arg(&hold.claim.0[..]);
            }
            (partition.place, call)
        };
        let answers = self.router.many(Lane::Results, asked.iter().map(ask).collect()).await;
        let mut renewed = vec![Fenced::Stale; holds.len()];
        for ((_, holds), answer) in asked.into_iter().zip(answers) {
            let mut reply = Reply::of(answer?)?;
            for (place, _) in holds {
                renewed[place] = fenced(reply.int()?);
            }
        }
        Ok(renewed)
    }

    pub(super) async fn begin(&self, hold: Hold) -> Result<Fenced, StoreError> {
        let partition = self.partitions.of(hold.recipient);
        let mut call = partition.fcall(&functions().begin);
        call.arg(&hold.send.0[..]).arg(&hold.claim.0[..]);
        Ok(fenced(int(&self.call(Lane::Hot, partition, call).await?)?))
    }

    pub(super) async fn finish(&self, hold: Hold, finish: &Finish) -> Result<Fenced, StoreError> {
        let partition = self.partitions.of(hold.recipient);
        let (how, text, until, counts) = match finish {
            Finish::Accepted { reply, .. } => ("a", reply, 0, false),
            Finish::Deferred(deferral) => ("d", &deferral.reason, millis(deferral.until), deferral.counts),
            Finish::Queued { until, reason } => ("q", reason, millis(*until), false),
            Finish::Rejected { reason } => ("r", reason, 0, false),
            Finish::Released { reason } => ("l", reason, 0, false),
            Finish::Uncertain { reason } => ("u", reason, 0, false),
        };
        let mut call = partition.fcall(&functions().finish);
        call.arg(&hold.send.0[..]).arg(&hold.claim.0[..]).arg(finish.mark()).arg(how).arg(words(text));
        call.arg(until.max(0)).arg(i32::from(counts));
        call.arg(&self.spans.pace).arg(self.spans.recent).arg(self.spans.lease);
        call.arg(&self.spans.keep).arg(self.rules.max_attempts).arg(provider(finish));
        let mut reply = Reply::of(self.call(Lane::Results, partition, call).await?)?;
        let fenced = fenced(reply.int()?);
        self.conclude(self.partitions.number_of(hold.recipient), reply)?;
        Ok(fenced)
    }
}

/// The code of touch's reply for presence that came of two hints.
const JOINED: i64 = 5;

/// What else a code says.
fn ignored(code: i64) -> Option<Ignored> {
    match code {
        1 => Some(Ignored::NoConsent),
        2 => Some(Ignored::TooYoung),
        3 => Some(Ignored::Hinted),
        4 => Some(Ignored::Echo),
        _ => None,
    }
}

/// The digits of the sources that machines use, too.
pub(super) fn fetched() -> String {
    let sources = Source::ALL.iter().enumerate();
    sources.filter(|(_, source)| source.is_fetched()).map(|(digit, _)| digit.to_string()).collect()
}

/// A signal's worth as `lua/touch.lua` reads it. What is about no mail is about none that is young.
fn worth(touch: &Touch) -> String {
    let worth = &touch.worth;
    if *worth == Worth::PRESENCE || touch.about.is_none() && worth.fires.is_some() {
        return String::new();
    }
    let hint = |hint: Option<(Duration, Hint)>| match hint {
        Some((age, hint)) => (Age(Some(age)), hint.kind as u8, hint.percent),
        None => (Age(None), 0, 0),
    };
    let (early, kind, percent) = hint(worth.hint);
    let (later, _, more) = hint(worth.later);
    format!("{} {early} {kind} {percent} {} {later} {more}", Age(worth.fires), Age(worth.lands))
}

/// From which age on something holds, in ms; never, if none.
struct Age(Option<Duration>);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(age) => u64::try_from(age.as_millis()).unwrap_or(u64::MAX).fmt(f),
            None => f.write_str("-"),
        }
    }
}

fn mail_age(age: i64) -> Option<MailAge> {
    match u64::try_from(age) {
        Ok(millis) => Some(MailAge::Since(Duration::from_millis(millis))),
        Err(_) => (age == -1).then_some(MailAge::HandingOver),
    }
}

/// Where a mail landed: nowhere yet, in a mailbox of nobody we know, or with this provider.
fn landed(place: &str, age: Option<MailAge>) -> Option<Landed> {
    let Some(MailAge::Since(after)) = age else { return None };
    (!place.is_empty()).then(|| Landed { after, provider: place.parse().ok() })
}

fn provider(finish: &Finish) -> &str {
    match finish {
        Finish::Accepted { provider: Some(provider), .. } => provider.as_str(),
        _ => "",
    }
}

fn fenced(answer: i64) -> Fenced {
    if answer == 1 { Fenced::Done } else { Fenced::Stale }
}
