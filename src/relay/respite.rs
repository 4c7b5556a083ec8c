//! Leaving a relay in peace that says it cannot take mail now: it is full, it stops, or we are too many.
//!
//! One such word may be about a moment or one connection; so it takes [a few](IN_A_ROW), with no mail between them that the
//! relay dealt with. Then everybody is told at once what it said, and one mail at a time finds out whether it is well again:
//! after a second, and each time it is not, after twice as long. Mails that are under way meanwhile end as they end; one that
//! the relay deals with says that it is well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::decision::Decision;
use super::reply::Trouble;
use super::tone::Slows;
use super::transaction::End;

/// So many words of trouble in a row make a respite.
const IN_A_ROW: u32 = 3;

/// The first respite; each following one is twice as long ...
const FIRST: Duration = Duration::from_secs(1);

/// ... up to this.
const LONGEST: Duration = Duration::from_secs(30);

/// What a relay said of itself lately. Clones know the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Respite(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Words of trouble since it dealt with a mail.
    in_a_row: u32,
    rest: Option<Rest>,
    /// A mail is finding out whether it is well again.
    trying: bool,
}

#[derive(Debug)]
struct Rest {
    since: Instant,
    lasting: Duration,
    /// Why, fit for logs and histories.
    said: String,
}

/// Leave to speak to the relay; tells what it says, or that nobody knows.
#[derive(Debug)]
pub(super) struct Turn {
    respite: Respite,
    /// Whether this is the one that finds out.
    trial: bool,
}

impl Respite {
    /// Leave to speak to the relay now, or what it said of itself.
    pub(super) fn leave(&self) -> Result<Turn, Trouble> {
        let mut state = self.state();
        let trial = match &state.rest {
            None => false,
            Some(rest) if state.trying || rest.since.elapsed() < rest.lasting => {
                let words = format!("the relay gets a respite, as it said {}", rest.said);
                return Err(Trouble::Own(Decision::Throttle, words));
            }
            Some(_) => true,
        };
        state.trying |= trial;
        Ok(Turn { respite: self.clone(), trial })
    }

    /// Whether it is left in peace, but for one mail at a time.
    pub(super) fn rests(&self) -> bool {
        self.state().rest.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// No connection came about.
    pub(super) fn refused(self, trouble: &Trouble) {
        let mut state = self.respite.state();
        match trouble.slows() {
            Slows::Relay => state.unwell(trouble, self.trial),
            Slows::Send | Slows::Domain => state.unclear(self.trial),
        }
    }

    /// So a mail ended. Whatever the relay said of the mail itself, it has dealt with it.
    pub(super) fn ended(self, end: &End) {
        let mut state = self.respite.state();
        match end {
            End::Refused(trouble) if trouble.slows() == Slows::Relay => state.unwell(trouble, self.trial),
            End::Taken(_) | End::Refused(Trouble::Said(..)) => state.well(),
            End::Refused(_) | End::Unknown(_) => state.unclear(self.trial),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.trial {
            self.respite.state().trying = false;
        }
    }
}

impl State {
    fn unwell(&mut self, trouble: &Trouble, trial: bool) {
        let said = trouble.reason();
        let lasting = match &self.rest {
            None => {
                self.in_a_row += 1;
                if self.in_a_row < IN_A_ROW {
                    return;
                }
                FIRST
            }
            Some(rest) if trial => (rest.lasting * 2).min(LONGEST),
            // It was under way when the respite began.
            Some(_) => return,
        };
        tracing::warn!(said, ?lasting, "the relay gets a respite");
        self.rest = Some(Rest { since: Instant::now(), lasting, said });
    }

    fn well(&mut self) {
        self.in_a_row = 0;
        if self.rest.take().is_some() {
            tracing::info!("the relay takes mail again");
        }
    }

    /// The one that should find out did not: the next one waits as long again.
    fn unclear(&mut self, trial: bool) {
        if let Some(rest) = self.rest.as_mut().filter(|_| trial) {
            rest.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decision::Stage;
    use super::super::reply::{Break, Reply};
    use super::*;

    fn said(code: u16, text: &str) -> End {
        End::Refused(Trouble::Said(Stage::Mail, Reply::new(code, text)))
    }

    fn full() -> End {
        said(452, "4.3.1 Insufficient system storage")
    }

    fn hear(respite: &Respite, end: &End) {
        respite.leave().expect("leave").ended(end);
    }

    /// A respite that has begun.
    fn resting() -> Respite {
        let respite = Respite::default();
        for _ in 0..IN_A_ROW {
            hear(&respite, &full());
        }
        respite
    }

    fn wait(respite: &Respite) -> Duration {
        let mut state = respite.state();
        let rest = state.rest.as_mut().expect("it rests");
        rest.since = Instant::now().checked_sub(rest.lasting).expect("the machine is up for long enough");
        rest.lasting
    }

    #[test]
    fn trouble_in_a_row_makes_a_respite_that_doubles() {
        let respite = resting();
        assert!(respite.rests());
        let refused = respite.leave().expect_err("nobody speaks to it");
        assert_eq!(refused.decision(), Decision::Throttle);
        assert!(refused.reason().contains("452 4.3.1"), "{}", refused.reason());
        let mut lasting = Vec::new();
        for _ in 0..7 {
            lasting.push(wait(&respite).as_secs());
            let trial = respite.leave().expect("one finds out");
            assert!(respite.leave().is_err(), "and one only");
            trial.ended(&full());
        }
        assert_eq!(lasting, [1, 2, 4, 8, 16, 30, 30]);
        wait(&respite);
        hear(&respite, &End::Taken("250".into()));
        assert!(!respite.rests());
        assert!(respite.leave().is_ok() && respite.leave().is_ok());
        hear(&respite, &full());
        assert!(respite.leave().is_ok(), "what was before does not count");
    }

    #[test]
    fn what_is_said_of_mails_is_no_trouble_of_the_relay() {
        let respite = Respite::default();
        for end in [full(), full(), said(450, "4.2.1 mailbox busy"), full(), full()] {
            hear(&respite, &end);
        }
        for _ in 0..5 {
            hear(&respite, &said(451, "4.7.1 Greylisted"));
            hear(&respite, &End::Refused(Trouble::Broke(Stage::Mail, Break::Closed)));
        }
        assert!(respite.leave().is_ok());
    }

    #[test]
    fn a_trial_that_finds_nothing_out_lets_another_try() {
        let respite = resting();
        wait(&respite);
        drop(respite.leave().expect("one finds out"));
        respite.leave().expect("another").refused(&Trouble::Broke(Stage::Greeting, Break::Closed));
        assert!(respite.leave().is_err(), "after as long again");
        assert_eq!(wait(&respite), FIRST);
    }

    #[test]
    fn mails_under_way_do_not_make_it_longer() {
        let respite = Respite::default();
        let turns: Vec<_> = (0..10).map(|_| respite.leave().expect("leave")).collect();
        for turn in turns {
            turn.ended(&full());
        }
        assert_eq!(wait(&respite), FIRST);
    }
}
