//! What a signal does, in the plainest words.

use std::time::Duration;

use jiff::Timestamp;
use vigie::clock::after;
use vigie::model::{
    Hint, HintKind, Hours, Leaving, MailAge, Origin, RecipientId, SendId, Source, Worth, reaches,
};
use vigie::store::{Ignored, Touch};

use super::Reference;

/// What came of a touch.
#[derive(Debug, Default)]
pub(in crate::store::model) struct Seen {
    pub(in crate::store::model) claims: Vec<SendId>,
    pub(in crate::store::model) ignored: Option<Ignored>,
    pub(in crate::store::model) age: Option<MailAge>,
    pub(in crate::store::model) joined: bool,
    pub(in crate::store::model) landed: Option<Duration>,
}

impl Reference {
    /// A signal of a person who said `consent` to whoever tracks them, if anything.
    pub(in crate::store::model) fn touch(&mut self, touch: &Touch, consent: Option<bool>) -> Seen {
        let (who, mut seen) = (touch.recipient, Seen::default());
        if consent == Some(false) {
            seen.ignored = Some(Ignored::NoConsent);
            return seen;
        }
        let about = touch.about.filter(|_| touch.worth != Worth::PRESENCE);
        seen.age = about.and_then(|mail| self.age(mail));
        seen.landed = about.and_then(|mail| self.land(mail, touch.worth));
        match self.weigh(who, touch.worth, seen.age) {
            Ok(joined) => seen.joined = joined,
            Err(ignored) => {
                seen.ignored = Some(ignored);
                return seen;
            }
        }
        if consent == Some(true) && matches!(touch.origin, Origin::Tracked { .. }) {
            self.remember_hour(who);
        }
        let others = self.online.keys().filter(|other| **other != who && self.is_online(**other)).count();
        let room = !self.habits.bounds_presence || others < self.rules.max_online;
        if self.is_online(who) || room {
            self.online.insert(who, (self.now, touch.source));
        }
        let most = if self.spaced() { 1 } else { self.rules.claims_per_touch };
        seen.claims = if self.free(who) { self.candidates(who, true) } else { Vec::new() };
        seen.claims.truncate(most);
        for id in &seen.claims {
            self.claim(*id, touch.request);
        }
        seen
    }

    pub(in crate::store::model) fn away(&mut self, who: RecipientId, leaving: Leaving) {
        self.hints.retain(|(person, _), _| *person != who);
        let seen = self.online.get(&who).copied().filter(|_| self.is_online(who));
        let stays = |(at, source): (Timestamp, Source), within| {
            after(at, within) < self.now || matches!(source, Source::Imap)
        };
        let ends = match leaving {
            Leaving::Left => true,
            Leaving::Unmasked(within) => seen.is_some_and(|seen| !stays(seen, within)),
        };
        if ends {
            self.online.remove(&who);
        }
    }

    /// What hints at a person now, by kind.
    pub(in crate::store::model) fn hints(&self, who: RecipientId) -> Vec<Hint> {
        let of = |((person, kind), (percent, until)): (&(RecipientId, HintKind), &(u8, Timestamp))| {
            (*person == who && self.now < *until).then_some(Hint { kind: *kind, percent: *percent })
        };
        self.hints.iter().filter_map(of).collect()
    }

    fn age(&mut self, mail: SendId) -> Option<MailAge> {
        let (now, recent) = (self.now, self.rules.recent);
        if let Some((at, _)) = self.accepted.get(&mail).filter(|(at, _)| now < after(*at, recent)) {
            return Some(MailAge::Since(span(*at, now)));
        }
        self.letter(mail).is_some_and(|letter| letter.begun()).then_some(MailAge::HandingOver)
    }

    fn land(&mut self, mail: SendId, worth: Worth) -> Option<Duration> {
        let from = worth.lands?;
        let Some(MailAge::Since(age)) = self.age(mail) else { return None };
        let (_, landed) = self.accepted.get_mut(&mail)?;
        if *landed || age < from || age > self.rules.landed_within {
            return None;
        }
        *landed = true;
        Some(age)
    }

    fn weigh(&mut self, who: RecipientId, worth: Worth, age: Option<MailAge>) -> Result<bool, Ignored> {
        if worth.fires.is_some_and(|from| reaches(age, from)) {
            return Ok(false);
        }
        let reached = |(from, _): &(Duration, Hint)| reaches(age, *from);
        let (_, hint) =
            worth.later.filter(reached).or(worth.hint.filter(reached)).ok_or(Ignored::TooYoung)?;
        let echo = |at: Timestamp| self.now < after(at, self.rules.echo);
        if hint.kind.echoes() && self.last_sent(who).is_some_and(echo) {
            return Err(Ignored::Echo);
        }
        let threshold = self.rules.fire_threshold;
        let joined = self.hints(who).into_iter().any(|other| hint.suffices_with(other, threshold));
        let until = after(self.now, self.rules.hint_ttl);
        let before = self.hints(who).into_iter().find(|other| other.kind == hint.kind);
        let percent = before.map_or(hint.percent, |before| before.percent.max(hint.percent));
        self.hints.insert((who, hint.kind), (percent, until));
        if joined { Ok(true) } else { Err(Ignored::Hinted) }
    }

    /// Once for each hour in which they come, or come into a new hour by the sixteenths of a window.
    fn remember_hour(&mut self, who: RecipientId) {
        let width = i64::try_from(self.rules.window.as_millis() / 16).expect("a short window");
        let hour = |at: Timestamp| at.as_millisecond() / width * width / 3_600_000;
        let before = self.online.get(&who).filter(|_| self.is_online(who));
        if before.is_none_or(|(at, _)| hour(*at) != hour(self.now)) {
            self.hours.entry(who).or_insert(Hours::EMPTY).seen(self.now);
        }
    }
}

fn span(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().expect("time goes on")
}
