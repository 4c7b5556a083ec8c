//! How long to wait before the next try.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::Settings;
use super::trouble::Trouble;

/// The pauses of one mailbox.
#[derive(Debug)]
pub(super) struct Pauses {
    settings: Settings,
    growing: ExponentialBackoff,
}

impl Pauses {
    /// Starts with the first.
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, growing: growing(&settings) }
    }

    /// All is well: the next pause is the first again.
    pub(super) fn reset(&mut self) {
        self.growing = growing(&self.settings);
    }

    /// The pause after this trouble: random up to what doubles each time, so that thousands of mailboxes that lost
    /// their server together do not come back together. Hours differ by a tenth at most.
    pub(super) fn after(&mut self, trouble: &Trouble) -> Duration {
        if trouble.is_lasting() {
            return self.settings.refused.mul_f64(0.9 + 0.1 * chance());
        }
        self.growing.next().unwrap_or(self.settings.longest).mul_f64(chance())
    }
}

fn growing(settings: &Settings) -> ExponentialBackoff {
    let growing =
        ExponentialBuilder::default().with_min_delay(settings.first).with_max_delay(settings.longest);
    growing.without_max_times().build()
}

/// From 0 to 1, evenly. Without a source of randomness everybody waits for as long as possible.
pub(super) fn chance() -> f64 {
    getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_start_again() {
        let settings = Settings::default();
        let mut pauses = Pauses::new(settings);
        let bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map(Duration::from_secs);
        for bound in bounds {
            assert!(pauses.after(&Trouble::Closed) <= bound);
        }
        pauses.reset();
        assert!(pauses.after(&Trouble::Timeout) <= settings.first);
    }

    #[test]
    fn pauses_are_spread_over_their_whole_length() {
        let mut pauses = Pauses::new(Settings { longest: Duration::from_secs(1), ..Settings::default() });
        let all: Vec<_> = (0..1000).map(|_| pauses.after(&Trouble::Bye).as_millis()).collect();
        for part in [0..250, 250..500, 500..750, 750..1001] {
            assert!(all.iter().filter(|millis| part.contains(*millis)).count() > 150, "{part:?}");
        }
    }

    #[test]
    fn a_refusal_waits_for_about_an_hour() {
        let mut pauses = Pauses::new(Settings::default());
        for _ in 0..100 {
            let pause = pauses.after(&Trouble::Refused(String::new()));
            assert!((3240..=3600).contains(&pause.as_secs()), "{pause:?}");
        }
    }
}
