//! What the relay offers, read once per connection from the lines of its answer to our `EHLO`.

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::response::Response;

/// The extensions that change what we do. Keywords are compared without regard to case, as RFC 5321 asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// Commands may be sent ahead of replies (RFC 2920).
    pub(super) pipelining: bool,
    /// `BDAT` (RFC 3030).
    pub(super) chunking: bool,
    /// `SIZE=` (RFC 1870).
    pub(super) size: bool,
    /// `BODY=8BITMIME` (RFC 6152).
    pub(super) eight_bit: bool,
    /// `SMTPUTF8` (RFC 6531).
    pub(super) utf8: bool,
    /// `STARTTLS` (RFC 3207).
    pub(super) starttls: bool,
    /// The best mechanism of `AUTH` that we speak too.
    pub(super) auth: Option<Mechanism>,
}

impl Offers {
    /// Reads the answer to `EHLO`; its first line is the relay's name.
    pub(super) fn read(response: &Response) -> Self {
        let mut offers = Self::default();
        for line in response.message().skip(1) {
            let mut words = line.split_ascii_whitespace().map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("CHUNKING") => offers.chunking = true,
                Some("SIZE") => offers.size = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("STARTTLS") => offers.starttls = true,
                Some("AUTH") => offers.auth = best(words).or(offers.auth),
                _ => {}
            }
        }
        offers
    }

    /// Round trips one mail costs.
    pub(super) fn round_trips(&self) -> u8 {
        match (self.pipelining, self.chunking) {
            (true, true) => 1,
            (true, false) => 2,
            (false, _) => 4,
        }
    }
}

/// `PLAIN` before `LOGIN`: one round trip instead of three.
fn best(mechanisms: impl Iterator<Item = String>) -> Option<Mechanism> {
    let known = mechanisms.filter_map(|word| match word.as_str() {
        "PLAIN" => Some(Mechanism::Plain),
        "LOGIN" => Some(Mechanism::Login),
        _ => None,
    });
    known.min_by_key(|mechanism| *mechanism != Mechanism::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(text: &str) -> Offers {
        Offers::read(&text.parse().expect("a reply"))
    }

    #[test]
    fn extensions_are_read_line_by_line() {
        let read = offers(
            "250-PIPELINING\r\n250-size 10240000\r\n250-AUTH CRAM-MD5 LOGIN PLAIN\r\n250 8bitmime\r\n",
        );
        assert!(!read.pipelining, "the first line is a name, not an offer");
        assert!(read.size && read.eight_bit && !read.chunking && !read.utf8 && !read.starttls);
        assert_eq!(read.auth, Some(Mechanism::Plain));
    }

    #[test]
    fn round_trips_follow_from_the_offers() {
        let trips = |lines: &str| offers(&format!("250-relay\r\n{lines}250 HELP\r\n")).round_trips();
        assert_eq!(trips("250-PIPELINING\r\n250-CHUNKING\r\n"), 1);
        assert_eq!(trips("250-PIPELINING\r\n"), 2);
        assert_eq!(trips("250-CHUNKING\r\n"), 4);
    }
}
