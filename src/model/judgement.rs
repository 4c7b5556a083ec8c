//! What a signal is worth, by the age of the mail it is about.
//!
//! Security scanners open a mail in the first seconds, people later, and only the store knows when the relay took it. So
//! whoever judges a signal says what it is worth at any age ([`Judgement`]); the store finds the age in the same step
//! that records presence, and goes by what that comes to there ([`Worth`]).

use std::time::Duration;

use serde::Serialize;

use super::{Class, Name, Presence, Verdict};

/// How old a mail is that its relay took lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailAge {
    /// It is being handed over: whoever opens it now is a machine on its way.
    HandingOver,
    /// The relay took it so long ago.
    Since(Duration),
}

/// The verdict on one signal for every age of its mail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    kind: HintKind,
    settled: Verdict,
    /// What holds below an age, the youngest first.
    young: [Option<(Duration, Verdict)>; Self::STEPS],
    /// It fires nothing while its mail is younger, whatever the verdict: a scanner that opens each mail on arrival would
    /// let the next one out.
    guarded: Duration,
    /// Nobody may be taken for present by it.
    statistics: bool,
}

/// What sort of sign it is: two of one sort do not add up, for they may be the same machine twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HintKind {
    /// A provider fetched ahead of a reader.
    Prefetch,
    /// A provider's image proxy.
    Proxy,
    /// An image fetched by whoever shows the mail.
    Image,
    /// A link.
    Click,
    /// A page of a brand or a webmail.
    Page,
    /// A mail server: a login, a look into a folder.
    Mailbox,
    /// A webmail server.
    Webmail,
    /// A partner's newsletter.
    Partner,
}

/// A sign of presence that is not enough alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// Of what sort.
    pub kind: HintKind,
    /// How likely it is somebody, in percent.
    pub percent: u8,
}

/// What the store goes by. An age of zero also means: while the mail is being handed over, or about no mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worth {
    /// Presence once its mail is so old; never, if none.
    pub fires: Option<Duration>,
    /// Otherwise a hint, once its mail is so old.
    pub hint: Option<(Duration, Hint)>,
    /// Another one of the same kind instead, once its mail is so old: people come later than machines.
    pub later: Option<(Duration, Hint)>,
    /// Shows, once its mail is so old, that the mail was seen or fetched for somebody: it landed.
    pub lands: Option<Duration>,
}

/// A mail that was seen soon after its relay took it: it landed while its recipient was online.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// How soon.
    pub after: Duration,
    /// Whose mailbox it is in.
    pub provider: Option<Name>,
}

impl Judgement {
    /// Most ages at which a judgement changes.
    const STEPS: usize = 3;

    /// The same at every age.
    pub const fn new(kind: HintKind, verdict: Verdict) -> Self {
        Self {
            kind,
            settled: verdict,
            young: [None; Self::STEPS],
            guarded: Duration::ZERO,
            statistics: false,
        }
    }

    /// As before, but `verdict` for mails younger than `age`.
    ///
    /// # Panics
    /// If there are more than three such ages above each other.
    #[must_use]
    pub fn below(mut self, age: Duration, verdict: Verdict) -> Self {
        if age.is_zero() {
            return self;
        }
        let older = self.young.into_iter().flatten().filter(|(until, _)| *until > age);
        let mut steps = std::iter::once((age, verdict)).chain(older);
        self.young = [(); Self::STEPS].map(|()| steps.next());
        assert!(steps.next().is_none(), "a judgement changes at few ages");
        self
    }

    /// Every verdict changed by `change`.
    #[must_use]
    pub fn map(mut self, change: impl Fn(Verdict) -> Verdict) -> Self {
        self.settled = change(self.settled);
        self.young = self.young.map(|step| step.map(|(age, verdict)| (age, change(verdict))));
        self
    }

    /// The same, but it fires nothing while its mail is younger than this.
    #[must_use]
    pub const fn guarded(mut self, until: Duration) -> Self {
        self.guarded = until;
        self
    }

    /// The same for statistics alone: it is no presence and no hint.
    #[must_use]
    pub fn for_statistics(self) -> Self {
        let no = |verdict| Verdict { presence: Presence::No, fires: false, ..verdict };
        Self { statistics: true, ..self.map(no) }
    }

    /// The verdict where the mail is of this age: not known to be young, if none.
    pub fn at(&self, age: Option<MailAge>) -> Verdict {
        let holds = |(until, _): &&(Duration, Verdict)| age.is_some_and(|age| age < MailAge::Since(*until));
        let verdict = self.young.iter().flatten().find(holds).map_or(self.settled, |(_, verdict)| *verdict);
        Verdict { fires: verdict.fires && reaches(age, self.guarded), ..verdict }
    }

    /// The verdict once the mail is old.
    pub const fn settled(&self) -> Verdict {
        self.settled
    }

    /// What sort of sign it is.
    pub const fn kind(&self) -> HintKind {
        self.kind
    }

    /// What the store goes by.
    pub fn worth(&self) -> Worth {
        if self.statistics {
            return Worth::default();
        }
        let hint =
            |(age, verdict): (Duration, Verdict)| (age, Hint { kind: self.kind, percent: verdict.hint });
        let settled = self.settled.hint;
        let earliest = self.from(|verdict| verdict.hint > 0).map(hint);
        // Who fires nothing yet is no surer a hint yet.
        let guarded = |(age, hint): (Duration, Hint)| (age.max(self.guarded), hint);
        let later = self.from(|verdict| verdict.hint == settled).map(hint).map(guarded);
        let session =
            |verdict: &Verdict| verdict.class == Class::Prefetch && verdict.presence != Presence::No;
        Worth {
            fires: self.from(|verdict| verdict.fires).map(|(age, _)| age.max(self.guarded)),
            hint: earliest.map(|early| if early.1.percent == settled { guarded(early) } else { early }),
            later: later.filter(|_| earliest.is_some_and(|(_, hint)| hint.percent != settled)),
            lands: self.from(|verdict| verdict.open || session(verdict)).map(|(age, _)| age),
        }
    }

    /// The age from which on all verdicts are such, and the first of them; none if the settled one is not.
    fn from(&self, such: impl Fn(&Verdict) -> bool) -> Option<(Duration, Verdict)> {
        let mut first = Some(self.settled).filter(&such)?;
        for (until, younger) in self.young.iter().flatten().rev() {
            if !such(younger) {
                return Some((*until, first));
            }
            first = *younger;
        }
        Some((Duration::ZERO, first))
    }
}

impl Worth {
    /// Presence at every age, and nothing else: what a source that is taken at its word says.
    pub const PRESENCE: Self = Self { fires: Some(Duration::ZERO), hint: None, later: None, lands: None };

    /// The hint that it is where the mail is of this age.
    pub fn hint_at(&self, age: Option<MailAge>) -> Option<Hint> {
        let then = |(from, hint)| reaches(age, from).then_some(hint);
        self.later.and_then(then).or_else(|| self.hint.and_then(then))
    }

    /// The surest hint that it can be, in percent; 0 for none.
    pub fn surest_hint(&self) -> u8 {
        [self.later, self.hint].into_iter().flatten().map(|(_, hint)| hint.percent).max().unwrap_or(0)
    }
}

impl HintKind {
    /// Every sort, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Prefetch,
        Self::Proxy,
        Self::Image,
        Self::Click,
        Self::Page,
        Self::Mailbox,
        Self::Webmail,
        Self::Partner,
    ];

    /// Whether a mail that arrives sets it off: mail clients fetch what is new by themselves.
    pub const fn echoes(self) -> bool {
        matches!(self, Self::Mailbox | Self::Webmail)
    }
}

impl Hint {
    /// Two signs together are never surer than this, however sure each is.
    pub const MOST: u8 = 85;

    /// Whether two hints are as sure as `threshold` percent together, taken as independent: 1 − (1−p)(1−q).
    pub fn suffices_with(self, other: Self, threshold: u8) -> bool {
        let doubt = |hint: Self| u32::from(100 - hint.percent.min(100));
        let doubted = doubt(self) * doubt(other) <= u32::from(100 - threshold.min(100)) * 100;
        self.kind != other.kind && threshold <= Self::MOST && doubted
    }
}

/// Whether a mail is at least so old; any is, if the age asked for is zero.
pub fn reaches(age: Option<MailAge>, from: Duration) -> bool {
    from.is_zero() || age.is_none_or(|age| age >= MailAge::Since(from))
}

#[cfg(test)]
mod tests;
