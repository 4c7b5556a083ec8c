//! What a relay's reply means: one pure function, [`rule`], and its table.
//!
//! The letter of a reply code is RFC 5321's; what we make of it is ours: a reply is held against the *send* only if
//! the relay spoke about the send. A relay that is busy, full or broken, a refused password or a dialogue out of step cost
//! no attempt.

/// What becomes of a send that the relay did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// This send is refused for good.
    Reject,
    /// This send is refused for now: it counts as an attempt.
    Defer,
    /// The relay says that it cannot now, or that we are too many: costs the send no attempt.
    Throttle,
    /// The relay was not reached, or the dialogue broke before anything was handed over: costs no attempt.
    Unreachable,
    /// Password, certificate or policy: costs no attempt; an operator must act.
    Misconfigured,
}

/// The step of the dialogue a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Greeting and `EHLO`.
    Greeting,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, before the message.
    Data,
    /// `BDAT … LAST` with its message: a 250 is the acceptance.
    Chunk,
    /// The lone dot behind the message: a 250 is the acceptance.
    Dot,
}

impl Stage {
    /// The word for reasons.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Chunk => "BDAT",
            Self::Dot => "end of message",
        }
    }
}

/// An enhanced status code (RFC 3463): class, subject, detail.
pub(super) type Enhanced = (u16, u16, u16);

/// What one reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Yes; at [`Stage::Chunk`] and [`Stage::Dot`]: the letter is taken.
    Go,
    /// No.
    No(Decision),
    /// Not an answer to this command: the dialogue is out of step.
    Nonsense,
}

/// What may still be done with the connection, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Then {
    /// Next mail.
    Keep,
    /// `RSET` first: Exim keeps a refused transaction open, and its next mail would go out under the old sender.
    Reset,
    /// Nothing: it is closed.
    Close,
}

/// The table: what `code` means as the answer to `stage`.
pub(super) fn rule(stage: Stage, code: u16, enhanced: Option<Enhanced>) -> (Meaning, Then) {
    use Stage::{Auth, Chunk, Data, Greeting, Mail, Rcpt, StartTls};
    match (stage, code) {
        (Data, 354) => (Meaning::Go, Then::Keep),
        (Data, 200..=399) => (Meaning::Nonsense, Then::Close),
        (_, 200..=299) => (Meaning::Go, Then::Keep),
        // 421: the relay closes. 432, 454 and 451 4.7.x: too many of us, or it cannot right now. Before the first
        // letter, any 4yz says the same.
        (_, 421 | 432 | 454) | (Greeting | StartTls | Auth, 400..=499) => {
            (Meaning::No(Decision::Throttle), Then::Close)
        }
        (_, 451) if matches!(enhanced, Some((4, 7, _))) => (Meaning::No(Decision::Throttle), Then::Close),
        // The relay's own trouble: it is full, or something in it is broken. Nobody knows yet whose mail it is at MAIL.
        (_, 400..=499) if is_of_the_system(enhanced) => (Meaning::No(Decision::Throttle), Then::Reset),
        (Mail, 452) if enhanced.is_none() => (Meaning::No(Decision::Throttle), Then::Reset),
        (_, 451) if !is_of_the_mail(enhanced) => (Meaning::No(Decision::Throttle), Then::Reset),
        // Authentication wanted, mechanism too weak, refused, encryption wanted. Before the first letter, any 5yz is
        // about us.
        (_, 530 | 534 | 535 | 538) | (Greeting | StartTls | Auth, 500..=599) => {
            (Meaning::No(Decision::Misconfigured), Then::Close)
        }
        // Command unknown or out of order: about the dialogue, never about the letter.
        (Mail | Rcpt | Data | Chunk, 500 | 502 | 503) => (Meaning::No(Decision::Unreachable), Then::Close),
        (_, 400..=499) => (Meaning::No(Decision::Defer), Then::Reset),
        (_, 500..=599) => (Meaning::No(Decision::Reject), Then::Reset),
        _ => (Meaning::Nonsense, Then::Close),
    }
}

/// X.3.X: the system that answers.
pub(super) fn is_of_the_system(enhanced: Option<Enhanced>) -> bool {
    matches!(enhanced, Some((_, 3, _)))
}

/// X.1.X and X.2.X: this recipient, but for X.1.7 and X.1.8, which are about the sender. X.6.X: this message.
fn is_of_the_mail(enhanced: Option<Enhanced>) -> bool {
    matches!(enhanced, Some((_, 1 | 2 | 6, _))) && !matches!(enhanced, Some((_, 1, 7 | 8)))
}

#[cfg(test)]
mod tests {
    use Decision::{Defer, Misconfigured, Reject, Throttle, Unreachable};
    use Meaning::{Go, No, Nonsense};
    use Stage::{Auth, Chunk, Data, Dot, Greeting, Mail, Rcpt, StartTls};
    use Then::{Close, Keep, Reset};

    use super::*;

    const SETUP: &[Stage] = &[Greeting, StartTls, Auth];
    const ENVELOPE: &[Stage] = &[Mail, Rcpt];
    const END: &[Stage] = &[Chunk, Dot];
    const LETTER: &[Stage] = &[Mail, Rcpt, Data, Chunk, Dot];
    const ALL: &[Stage] = &[Greeting, StartTls, Auth, Mail, Rcpt, Data, Chunk, Dot];

    type Row = (&'static [Stage], &'static [u16], Option<Enhanced>, (Meaning, Then));

    const TABLE: &[Row] = &[
        (END, &[250, 251], None, (Go, Keep)),
        (ENVELOPE, &[250, 251, 252], None, (Go, Keep)),
        (SETUP, &[220, 235, 250], None, (Go, Keep)),
        (&[Data], &[354], None, (Go, Keep)),
        (&[Data], &[250, 220, 334], None, (Nonsense, Close)),
        (&[Greeting, StartTls, Auth, Mail, Rcpt, Chunk, Dot], &[354, 334, 300], None, (Nonsense, Close)),
        (LETTER, &[450], None, (No(Defer), Reset)),
        (&[Rcpt, Data, Chunk, Dot], &[452], None, (No(Defer), Reset)),
        (LETTER, &[450, 451, 452], Some((4, 2, 1)), (No(Defer), Reset)),
        (LETTER, &[451], Some((4, 1, 1)), (No(Defer), Reset)),
        (LETTER, &[451], Some((4, 6, 0)), (No(Defer), Reset)),
        (LETTER, &[450, 451, 452], Some((4, 3, 1)), (No(Throttle), Reset)),
        (LETTER, &[451], None, (No(Throttle), Reset)),
        (LETTER, &[451], Some((4, 4, 1)), (No(Throttle), Reset)),
        (LETTER, &[451], Some((4, 1, 8)), (No(Throttle), Reset)),
        (&[Mail], &[452], None, (No(Throttle), Reset)),
        (ALL, &[421, 432, 454], None, (No(Throttle), Close)),
        (ALL, &[451], Some((4, 7, 1)), (No(Throttle), Close)),
        (SETUP, &[450, 451], None, (No(Throttle), Close)),
        (LETTER, &[550, 551, 552, 553, 554, 501, 504, 555], None, (No(Reject), Reset)),
        (&[Dot], &[500, 503], None, (No(Reject), Reset)),
        (&[Mail, Rcpt, Data, Chunk], &[500, 502, 503], None, (No(Unreachable), Close)),
        (ALL, &[530, 534, 535, 538], None, (No(Misconfigured), Close)),
        (SETUP, &[500, 502, 550, 554], None, (No(Misconfigured), Close)),
        (ALL, &[0, 100, 199, 600, 999], None, (Nonsense, Close)),
    ];

    #[test]
    fn every_row_of_the_table_holds() {
        for (stages, codes, enhanced, expected) in TABLE {
            for stage in *stages {
                for code in *codes {
                    assert_eq!(rule(*stage, *code, *enhanced), *expected, "{code} to {}", stage.as_str());
                }
            }
        }
    }

    #[test]
    fn whatever_is_not_a_yes_never_leaves_the_connection_as_it_is() {
        for stage in ALL {
            for code in 0..=999 {
                let (meaning, then) = rule(*stage, code, None);
                assert_eq!(meaning == Go, then == Keep, "{code} to {}", stage.as_str());
                assert!(meaning != Go || (200..=299).contains(&code) || (*stage, code) == (Data, 354));
            }
        }
    }
}
