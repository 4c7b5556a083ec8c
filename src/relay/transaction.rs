//! One mail's transaction: in as few round trips as the relay's offers allow, with three possible results.
//!
//! The dialogue only collects what was [heard](Heard); [`Heard::judge`] is a pure function and decides what it means.

use super::decision::{Decision, Meaning, Stage, Then};
use super::framing;
use super::link::Link;
use super::reply::{Break, Reply, Trouble};
use crate::config::RelayTimeouts;
use crate::model::Letter;

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The relay said yes to sender, recipient and message, in these words.
    Taken(String),
    /// It did not take the letter, that much is certain.
    Refused(Trouble),
    /// The whole message was written, and no complete answer came back.
    Unknown(String),
}

impl End {
    /// Whether the connection, not the letter or the relay, was to blame: it broke before anything was handed over, or
    /// the relay had taken its leave (421 to the first command) while the connection was idle.
    pub(super) fn blames_connection(&self) -> bool {
        match self {
            Self::Refused(Trouble::Said(Stage::Mail, reply)) if reply.code == 421 => true,
            Self::Refused(trouble) => trouble.decision() == Decision::Unreachable,
            Self::Taken(_) | Self::Unknown(_) => false,
        }
    }

    /// Whether the relay does not know the `BDAT` that it offers.
    pub(super) fn blames_chunks(&self) -> bool {
        matches!(self, Self::Refused(Trouble::Said(Stage::Chunk, reply)) if matches!(reply.code, 500 | 502))
    }
}

/// Everything one transaction heard, in order.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Replies read, each with the command it answers.
    replies: Vec<(Stage, Reply)>,
    /// Where the dialogue broke.
    broke: Option<(Stage, Break)>,
    /// The relay may have the whole message, end included.
    whole: bool,
}

/// Carries `letter` over `link`.
pub(super) async fn carry(
    link: &mut Link,
    letter: &Letter,
    limits: &RelayTimeouts,
    chunks: bool,
) -> (End, Then) {
    let (mail, rcpt) = match framing::envelope(letter, &link.offers) {
        Ok(commands) => commands,
        Err(trouble) => return (End::Refused(trouble), Then::Keep),
    };
    let mut heard = Heard::default();
    let pipelining = link.offers.pipelining;
    // Each way stops where the dialogue breaks or the relay says no; what was heard tells.
    let _ = if pipelining && link.offers.chunking && chunks {
        one_trip(&mut heard, link, [&mail, &rcpt], letter, limits).await
    } else if pipelining {
        two_trips(&mut heard, link, [&mail, &rcpt], letter, limits).await
    } else {
        dialogue(&mut heard, link, [mail, rcpt], letter, limits).await
    };
    heard.judge()
}

/// Nothing more to say: what was heard decides.
struct Stop;

/// `MAIL`, `RCPT` and the message in one write, then exactly three replies, whatever they are.
///
/// RFC 2920 lets the relay hold back the first replies until it has read everything, so all three share the
/// message's deadline.
async fn one_trip(
    heard: &mut Heard,
    link: &mut Link,
    envelope: [&str; 2],
    letter: &Letter,
    limits: &RelayTimeouts,
) -> Result<(), Stop> {
    for command in envelope {
        link.outgoing.extend_from_slice(command.as_bytes());
    }
    framing::chunk(&letter.bytes, &mut link.outgoing);
    match link.send(limits.message).await {
        Ok(()) => heard.whole = true,
        Err(how @ Break::Timeout) => return heard.broken(Stage::Chunk, how),
        // The relay may have said why before it closed.
        Err(_) => {}
    }
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Chunk] {
        let reply = link.hear(limits.message).await;
        heard.note(stage, reply)?;
    }
    Ok(())
}

/// `MAIL`, `RCPT` and `DATA` in one write, three replies, then the message.
async fn two_trips(
    heard: &mut Heard,
    link: &mut Link,
    envelope: [&str; 2],
    letter: &Letter,
    limits: &RelayTimeouts,
) -> Result<(), Stop> {
    for command in envelope {
        link.outgoing.extend_from_slice(command.as_bytes());
    }
    link.outgoing.extend_from_slice(b"DATA\r\n");
    let written = link.send(limits.command).await;
    if let Err(how @ Break::Timeout) = written {
        return heard.broken(Stage::Mail, how);
    }
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
        let reply = link.hear(limits.command).await;
        heard.note(stage, reply)?;
    }
    if heard.all_go() {
        return content(heard, link, letter, limits).await;
    }
    if heard.went(Stage::Mail) && heard.went(Stage::Data) {
        // The recipient was refused, yet the relay waits for a message (RFC 2920 section 3.1): an empty one for nobody.
        link.outgoing.extend_from_slice(b".\r\n");
        let discarded = match link.send(limits.command).await {
            Ok(()) => link.hear(limits.command).await,
            Err(how) => Err(how),
        };
        if let Err(how) = discarded {
            return heard.broken(Stage::Dot, how);
        }
    } else if heard.went(Stage::Data) {
        // It waits for the message of a transaction that is not ours: only closing ends that.
        return heard.broken(Stage::Data, Break::Garbage);
    }
    Ok(())
}

/// One command, one reply.
async fn dialogue(
    heard: &mut Heard,
    link: &mut Link,
    [mail, rcpt]: [String; 2],
    letter: &Letter,
    limits: &RelayTimeouts,
) -> Result<(), Stop> {
    let commands = [(Stage::Mail, mail), (Stage::Rcpt, rcpt), (Stage::Data, "DATA\r\n".into())];
    for (stage, command) in commands {
        let reply = link.say(command, limits.command).await;
        heard.note(stage, reply)?;
        if !heard.all_go() {
            return Err(Stop);
        }
    }
    content(heard, link, letter, limits).await
}

/// The message behind a 354, and the reply to its end.
async fn content(
    heard: &mut Heard,
    link: &mut Link,
    letter: &Letter,
    limits: &RelayTimeouts,
) -> Result<(), Stop> {
    framing::dotted(&letter.bytes, &mut link.outgoing);
    match link.send(limits.message).await {
        Ok(()) => heard.whole = true,
        Err(how @ Break::Timeout) => return heard.broken(Stage::Dot, how),
        Err(_) => {}
    }
    let reply = link.hear(limits.message).await;
    heard.note(Stage::Dot, reply)
}

impl Heard {
    fn note(&mut self, stage: Stage, reply: Result<Reply, Break>) -> Result<(), Stop> {
        match reply {
            Ok(reply) => {
                self.replies.push((stage, reply));
                Ok(())
            }
            Err(how) => self.broken(stage, how),
        }
    }

    fn broken(&mut self, stage: Stage, how: Break) -> Result<(), Stop> {
        self.broke = Some((stage, how));
        Err(Stop)
    }

    fn meaning(&self, stage: Stage) -> Option<Meaning> {
        let (_, reply) = self.replies.iter().find(|(answered, _)| *answered == stage)?;
        Some(reply.rule(stage).0)
    }

    fn went(&self, stage: Stage) -> bool {
        self.meaning(stage) == Some(Meaning::Go)
    }

    fn all_go(&self) -> bool {
        self.replies.iter().all(|(stage, reply)| reply.rule(*stage).0 == Meaning::Go)
    }

    /// What it means for the letter, and what may be done with the connection.
    pub(super) fn judge(self) -> (End, Then) {
        let then = self.then();
        if self.taken_unasked() {
            let words = "the relay took the message although it had refused its sender";
            return (End::Unknown(words.into()), Then::Close);
        }
        let whole = self.whole;
        let unclear = |stage: Stage, how: Break| {
            let trouble = Trouble::Broke(stage, how);
            if whole { End::Unknown(trouble.reason()) } else { End::Refused(trouble) }
        };
        let mut last = None;
        for (stage, reply) in self.replies {
            match reply.rule(stage).0 {
                Meaning::Go => last = Some((stage, reply)),
                Meaning::No(_) => return (End::Refused(Trouble::Said(stage, reply)), then),
                Meaning::Nonsense => return (unclear(stage, Break::Garbage), Then::Close),
            }
        }
        match (last, self.broke) {
            (Some((Stage::Chunk | Stage::Dot, reply)), None) if whole => (End::Taken(reply.shown()), then),
            (_, Some((stage, how))) => (unclear(stage, how), Then::Close),
            // A yes to a message that was not written whole answers something else.
            _ => (unclear(Stage::Mail, Break::Garbage), Then::Close),
        }
    }

    /// What may be done with the connection. Behind a refusal, a `503` is the expected echo and no further harm.
    fn then(&self) -> Then {
        if self.broke.is_some() || self.replies.is_empty() {
            return Then::Close;
        }
        let mut worst = Then::Keep;
        for (stage, reply) in &self.replies {
            let echo = worst == Then::Reset && matches!(reply.code, 500 | 502 | 503);
            worst = worst.max(if echo { Then::Reset } else { reply.rule(*stage).1 });
        }
        worst
    }

    /// Exim's open transaction: our sender refused, yet recipient and message accepted, under somebody else's sender.
    fn taken_unasked(&self) -> bool {
        matches!(self.meaning(Stage::Mail), Some(Meaning::No(_)))
            && self.went(Stage::Rcpt)
            && (self.went(Stage::Chunk) || self.went(Stage::Dot))
    }
}

#[cfg(test)]
mod tests;
