//! What a signal does: presence, a hint of it, or nothing, by the age of the mail it is about.

use std::time::Duration;

use crate::model::{
    Cause, ConsentRule, Grantee, HistoryEntry, Landed, Leaving, MailAge, Origin, RecipientId, SendId, Worth,
    reaches,
};
use crate::store::{Ignored, Touch};

use super::recent::LANDED;
use super::{Millis, Stand, State, Taken, span, timestamp};
use crate::store::embedded::records::{Change, Event};

/// What came of a touch.
#[derive(Debug, Default)]
pub(in crate::store::embedded) struct Seen {
    pub(in crate::store::embedded) taken: Vec<Taken>,
    pub(in crate::store::embedded) ignored: Option<Ignored>,
    pub(in crate::store::embedded) age: Option<MailAge>,
    pub(in crate::store::embedded) joined: bool,
    pub(in crate::store::embedded) landed: Option<Landed>,
}

impl State {
    /// Records a presence and claims what the person has due, if the signal is worth that. A repeated request gets what
    /// it holds.
    pub(in crate::store::embedded) fn touch(&mut self, touch: &Touch, now: Millis) -> Seen {
        let who = touch.recipient;
        let mut seen = Seen::default();
        if let Origin::Tracked { grantee, rule } = &touch.origin
            && !self.allows(who, grantee, *rule)
        {
            seen.ignored = Some(Ignored::NoConsent);
            return seen;
        }
        let about = touch.about.filter(|_| touch.worth != Worth::PRESENCE);
        seen.age = about.and_then(|mail| self.age(mail, now));
        seen.landed = about.and_then(|mail| self.land(mail, &touch.worth, now));
        match self.weigh(who, &touch.worth, seen.age, now) {
            Ok(joined) => seen.joined = joined,
            Err(ignored) => {
                seen.ignored = Some(ignored);
                return seen;
            }
        }
        self.remember_hour(touch, now);
        self.presence.seen(who, now, touch.source);
        seen.taken = self.held_under(touch.request, Cause::Touch, now);
        if seen.taken.is_empty() {
            let most = self.rules.claims_per_touch;
            seen.taken = self.claim_for(who, touch.request, Cause::Touch, true, most, now);
        }
        seen
    }

    /// Ends a presence, and forgets the hints of one.
    pub(in crate::store::embedded) fn away(&mut self, who: RecipientId, leaving: Leaving, now: Millis) {
        self.hints.forget(who);
        let ends = match leaving {
            Leaving::Left => true,
            Leaving::Unmasked(within) => self.presence.get(who, now).is_some_and(|(seen, source)| {
                source.is_fetched() && now.saturating_sub(seen) <= span(within)
            }),
        };
        if ends {
            self.presence.away(who, now);
        }
    }

    /// Whether the person's word, or without one the rule, allows presence by pixel.
    pub(super) fn allows(&self, who: RecipientId, grantee: &Grantee, rule: ConsentRule) -> bool {
        self.consents.get(who, grantee).unwrap_or(rule == ConsentRule::Presumed)
    }

    /// How old a mail is, if it is young.
    fn age(&mut self, mail: SendId, now: Millis) -> Option<MailAge> {
        if let Some(recent) = self.recent.get(mail, now) {
            return Some(MailAge::Since(timespan(now - recent.at)));
        }
        let slot = self.sends.find(mail).filter(|slot| self.sends.at(*slot).stand == Stand::Claimed)?;
        self.holds.get(&slot).is_some_and(|held| held.begun).then_some(MailAge::HandingOver)
    }

    /// Notes that a mail landed, the first time somebody shows it.
    fn land(&mut self, id: SendId, worth: &Worth, now: Millis) -> Option<Landed> {
        let (from, within) = (worth.lands?, self.rules.landed_within);
        let mail = self.recent.get(id, now)?;
        let after = timespan(now - mail.at);
        if mail.landed || after < from || after > within {
            return None;
        }
        mail.landed = true;
        mail.events = mail.events.saturating_add(1);
        let detail = format!("seen {} s after the relay took it", after.as_secs());
        let line = HistoryEntry { at: timestamp(now), event: LANDED.to_owned(), detail };
        let (n, provider) = (mail.events, mail.provider.clone());
        self.changes.push(Change::Event(id, Event { n, line }));
        Some(Landed { after, provider })
    }

    /// Whether the signal is presence, and if so whether only together with a hint.
    fn weigh(
        &mut self,
        who: RecipientId,
        worth: &Worth,
        age: Option<MailAge>,
        now: Millis,
    ) -> Result<bool, Ignored> {
        if worth.fires.is_some_and(|from| reaches(age, from)) {
            return Ok(false);
        }
        let hint = worth.hint_at(age).ok_or(Ignored::TooYoung)?;
        let echo = |sent: Millis| now < sent.saturating_add(span(self.rules.echo));
        if hint.kind.echoes() && self.contacts.last_sent(who, now).is_some_and(echo) {
            return Err(Ignored::Echo);
        }
        let known = self.hints.of(who, now);
        self.hints.add(who, hint, now);
        let threshold = self.rules.fire_threshold;
        let joined = known.into_iter().any(|other| hint.suffices_with(other, threshold));
        if joined { Ok(true) } else { Err(Ignored::Hinted) }
    }

    /// Remembers the hour of the week for those who agreed to it. Not again within what was one moment of presence.
    fn remember_hour(&mut self, touch: &Touch, now: Millis) {
        const HOUR: Millis = 3_600_000;
        let Origin::Tracked { grantee, .. } = &touch.origin else { return };
        if !self.rules.history || self.consents.get(touch.recipient, grantee) != Some(true) {
            return;
        }
        let width = (span(self.rules.window) / 16).max(1);
        let before = self.presence.get(touch.recipient, now).map(|(seen, _)| seen / width * width / HOUR);
        if before != Some(now / width * width / HOUR) {
            self.changes.push(Change::Hour(touch.recipient, now));
        }
    }
}

/// A span of milliseconds that cannot be negative: a clock that goes back makes it zero.
fn timespan(millis: Millis) -> Duration {
    Duration::from_millis(millis.max(0).unsigned_abs())
}
