//! Why mail servers refuse a mail, in the words of RFC 3463.

use std::fmt;
use std::str::FromStr;

/// An enhanced status code: class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailStatus {
    /// 2: done, 4: not now, 5: never.
    pub class: u16,
    /// 1: the address, 2: the mailbox, 3: the mail system, 4: the network, 5: the protocol, 6: the content, 7: policy.
    pub subject: u16,
    /// What of it.
    pub detail: u16,
}

impl MailStatus {
    /// Whether it says, for good, that nobody reads mail at this address: bad mailbox (5.1.1), bad destination system
    /// (5.1.2), bad syntax (5.1.3), moved (5.1.6), a domain that takes no mail (5.1.10, RFC 7505), mailbox disabled
    /// (5.2.1). Not a sender that is refused (5.1.7, 5.1.8), a mailbox that is full (5.2.2), nor policy and spam (5.7.x).
    pub const fn is_no_mailbox(self) -> bool {
        matches!((self.class, self.subject, self.detail), (5, 1, 1 | 2 | 3 | 6 | 10) | (5, 2, 1))
    }
}

impl fmt::Display for MailStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Text that is no enhanced status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a status code such as 5.1.1")]
pub struct BadStatus;

impl FromStr for MailStatus {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        let number = |part: Option<&str>| {
            let digits = part.filter(|part| (1..=3).contains(&part.len()))?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        };
        let mut parts = text.split('.');
        let [class, subject, detail] = [(); 3].map(|()| number(parts.next()));
        let (Some(class @ (2 | 4 | 5)), Some(subject), Some(detail), None) =
            (class, subject, detail, parts.next())
        else {
            return Err(BadStatus);
        };
        Ok(Self { class, subject, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_address_itself_is_no_mailbox() {
        let is = |text: &str| text.parse::<MailStatus>().expect(text).is_no_mailbox();
        for yes in ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"] {
            assert!(is(yes), "{yes}");
        }
        for no in [
            "4.1.1", "5.0.0", "5.1.0", "5.1.7", "5.1.8", "5.2.2", "5.3.4", "5.4.4", "5.7.1", "5.7.26",
            "2.1.5",
        ] {
            assert!(!is(no), "{no}");
        }
        for none in ["", "5", "5.1", "5.1.1.1", "5.1.x", "3.1.1", "5.1.1000", "5.+1.1", "5..1"] {
            assert_eq!(none.parse::<MailStatus>(), Err(BadStatus), "{none:?}");
        }
    }
}
