//! What a watcher knows of a folder: the flags of its newest messages, a byte each.

use std::collections::VecDeque;

use super::Activity;
use super::response::{Flags, Response};

/// Of so many messages the flags are known; of older ones nothing is ever told.
pub(super) const NEWEST: u32 = 1024;

/// The folder as the server has told it.
#[derive(Debug, Default)]
pub(super) struct Known {
    exists: u32,
    /// The flags of the newest messages, the last one's at the end; none where the server has not told them yet.
    newest: VecDeque<Option<Flags>>,
}

impl Known {
    /// The number of the first message whose flags should be asked for; none in an empty folder.
    pub(super) fn wanted(&self) -> Option<u32> {
        (self.exists > 0).then(|| self.oldest())
    }

    /// Takes in what the server says of the folder as it is: nothing has happened.
    pub(super) fn learn(&mut self, said: &Response) {
        match *said {
            Response::Exists(number) => self.resize(number, None),
            _ => {
                self.change(said);
            }
        }
    }

    /// Takes in what the server says has changed, and tells what that was.
    pub(super) fn change(&mut self, said: &Response) -> Option<Activity> {
        match *said {
            Response::Exists(number) => {
                let more = number > self.exists;
                // A new message has been neither read nor acted upon, unless the server says so.
                self.resize(number, Some(Flags::default()));
                more.then_some(Activity::Arrived)
            }
            Response::Expunge(number) => self.remove(number),
            Response::Vanished => {
                // Nobody can say which numbers the others have now.
                self.newest.iter_mut().for_each(|flags| *flags = None);
                Some(Activity::Removed)
            }
            Response::Flags(number, flags) => self.flag(number, flags),
            _ => None,
        }
    }

    /// The number of the oldest message whose flags have a place.
    fn oldest(&self) -> u32 {
        self.exists - u32::try_from(self.newest.len()).unwrap_or(self.exists) + 1
    }

    /// The place of a message's flags.
    fn place(&self, number: u32) -> Option<usize> {
        let place = number.checked_sub(self.oldest())?;
        usize::try_from(place).ok().filter(|place| *place < self.newest.len())
    }

    fn resize(&mut self, number: u32, flags: Option<Flags>) {
        if number < self.exists {
            // Messages only go by EXPUNGE. Whoever says otherwise starts anew.
            *self = Self::default();
            return self.resize(number, None);
        }
        for _ in 0..(number - self.exists).min(NEWEST) {
            if self.newest.len() >= NEWEST as usize {
                self.newest.pop_front();
            }
            self.newest.push_back(flags);
        }
        self.exists = number;
    }

    fn remove(&mut self, number: u32) -> Option<Activity> {
        if number == 0 || number > self.exists {
            return None;
        }
        if let Some(place) = self.place(number) {
            self.newest.remove(place);
        }
        self.exists -= 1;
        Some(Activity::Removed)
    }

    fn flag(&mut self, number: u32, flags: Flags) -> Option<Activity> {
        let place = self.place(number)?;
        let gained = flags.beyond(self.newest[place].replace(flags)?);
        if gained.any(Flags::SEEN) {
            return Some(Activity::Read);
        }
        gained.any(Flags::ACTED).then_some(Activity::Acted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(line: &str) -> Response {
        Response::parse(line.as_bytes()).expect("a response")
    }

    /// A folder with these messages.
    fn folder(flags: &[&str]) -> Known {
        let mut known = Known::default();
        known.learn(&Response::Exists(u32::try_from(flags.len()).expect("few")));
        for (at, flags) in flags.iter().enumerate() {
            known.learn(&said(&format!("* {} FETCH (FLAGS ({flags}))", at + 1)));
        }
        known
    }

    #[test]
    fn a_flag_counts_when_it_is_gained_and_never_twice() {
        let mut known = folder(&["", r"\Seen"]);
        assert_eq!(known.change(&said(r"* 2 FETCH (FLAGS (\Seen $Junk))")), None);
        assert_eq!(known.change(&said(r"* 1 FETCH (FLAGS (\Seen))")), Some(Activity::Read));
        assert_eq!(known.change(&said(r"* 1 FETCH (FLAGS (\Seen))")), None);
        assert_eq!(known.change(&said(r"* 1 FETCH (FLAGS (\Seen \Flagged))")), Some(Activity::Acted));
        assert_eq!(known.change(&said("* 1 FETCH (FLAGS ())")), None);
        assert_eq!(known.change(&said(r"* 1 FETCH (FLAGS (\Seen \Answered))")), Some(Activity::Read));
    }

    #[test]
    fn numbers_move_up_when_a_message_goes() {
        let mut known = folder(&[r"\Seen", "", r"\Seen"]);
        assert_eq!(known.change(&Response::Expunge(1)), Some(Activity::Removed));
        assert_eq!(known.change(&said(r"* 2 FETCH (FLAGS (\Seen))")), None);
        assert_eq!(known.change(&said(r"* 1 FETCH (FLAGS (\Seen))")), Some(Activity::Read));
        for nobody in [0, 3, u32::MAX] {
            assert_eq!(known.change(&Response::Expunge(nobody)), None);
        }
    }

    #[test]
    fn a_new_message_is_unread_and_can_be_read() {
        let mut known = folder(&[]);
        assert_eq!(known.wanted(), None);
        assert_eq!(known.change(&Response::Exists(1)), Some(Activity::Arrived));
        assert_eq!(known.change(&Response::Exists(1)), None);
        assert_eq!(known.change(&said(r"* 1 FETCH (FLAGS (\Seen))")), Some(Activity::Read));
    }

    #[test]
    fn what_is_not_known_is_learnt_first() {
        let mut known = Known::default();
        known.learn(&Response::Exists(5000));
        assert_eq!(known.wanted(), Some(5000 - NEWEST + 1));
        for number in [1, 5000 - NEWEST, 5000, 5001] {
            assert_eq!(known.change(&said(&format!(r"* {number} FETCH (FLAGS (\Seen))"))), None);
        }
        assert_eq!(known.change(&said(r"* 5000 FETCH (FLAGS (\Seen \Flagged))")), Some(Activity::Acted));
        assert_eq!(known.change(&Response::Vanished), Some(Activity::Removed));
        assert_eq!(known.change(&said(r"* 5000 FETCH (FLAGS (\Seen \Answered))")), None);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_nothing_panics(says in prop::collection::vec((0..4, any::<u32>()), 0..50)) {
            let mut known = Known::default();
            for (kind, number) in says {
                let number = if number % 3 == 0 { number } else { number % 2000 };
                known.change(&match kind {
                    0 => Response::Exists(number),
                    1 => Response::Expunge(number),
                    2 => Response::Vanished,
                    _ => Response::Flags(number, Flags::SEEN),
                });
                prop_assert!(known.newest.len() <= NEWEST as usize && known.newest.len() <= known.exists as usize);
            }
        }
    }
}
