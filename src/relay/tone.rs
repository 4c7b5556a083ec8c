//! Who is to be slower, by what a temporary refusal says beside its code: one pure function, [`slows`], and its table.
//!
//! Codes alone do not tell. Greylisting, a full mailbox and "you are too many" share 450 and 451; relays say 421 of
//! themselves and hand through the 421 of the server behind them. So the words are looked at, too; and where they say
//! nothing, only the send waits.

use super::decision::{Enhanced, Stage, is_of_the_system};

/// Who a refusal asks to be slower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slows {
    /// Nobody: this send comes later, at no cost for others.
    Send,
    /// The relay as a whole: it spoke before there was a recipient, or of itself. It is left in peace for a while, which its
    /// pool sees to.
    Relay,
    /// Whoever keeps the recipient's mailbox: the relay hands their answer through, or is their server.
    Domain,
}

/// Words of greylisting: the same mail is taken later, however many others come.
const GREY: [&str; 4] = ["greylist", "graylist", "grey-list", "grey list"];

/// Words of a rate, as large providers and common servers choose them.
const RATES: [&str; 16] = [
    "rate limit",
    "rate-limit",
    "ratelimit",
    "limited",
    "unusual rate",
    "at a rate",
    "sending rate",
    "throttl",
    "too many",
    "too much",
    "too fast",
    "too quickly",
    "slow down",
    "server busy",
    "temporarily deferred",
    "trop de",
];

/// What Postfix says to a connection that saw too many refusals: about that connection, and nobody else.
const OF_A_CONNECTION: &str = "too many errors";

/// Whether the words are of greylisting.
pub(super) fn is_grey(text: &str) -> bool {
    has(text, &GREY)
}

/// Whether the words are of a rate.
pub(super) fn is_of_a_rate(text: &str) -> bool {
    has(text, &RATES) && !has(text, &[OF_A_CONNECTION])
}

/// Who is to be slower after the temporary refusal `code` of `stage`.
pub(super) fn slows(stage: Stage, code: u16, enhanced: Option<Enhanced>, text: &str) -> Slows {
    let subject = enhanced.map(|(_, subject, _)| subject);
    if !(400..500).contains(&code) || is_grey(text) || has(text, &[OF_A_CONNECTION]) {
        return Slows::Send;
    }
    // X.3.X: the system that answers, which is the relay: it is full, or stops.
    if matches!(stage, Stage::Greeting | Stage::StartTls | Stage::Auth) || is_of_the_system(enhanced) {
        return Slows::Relay;
    }
    // Local trouble, or no room: it has not heard yet for whom.
    if stage == Stage::Mail && matches!(code, 451 | 452) && enhanced.is_none() {
        return Slows::Relay;
    }
    // X.2.X: this one mailbox, also its rate.
    if subject == Some(2) {
        return Slows::Send;
    }
    // X.7.X: policy. A server that hangs up for policy does it to all of us; at MAIL nobody knows to whom.
    let hangs_up = code == 421 && (stage == Stage::Mail || subject == Some(7));
    match (hangs_up || is_of_a_rate(text), stage) {
        (false, _) => Slows::Send,
        (true, Stage::Mail) => Slows::Relay,
        (true, _) => Slows::Domain,
    }
}

fn has(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use Slows::{Domain, Relay, Send};
    use Stage::{Auth, Chunk, Dot, Greeting, Mail, Rcpt};

    use super::*;
    use crate::relay::reply::Reply;

    /// Replies as they were seen in the wild, and who is meant.
    const TABLE: &[(Stage, u16, &str, Slows)] = &[
        (Greeting, 421, "4.7.0 Too many connections", Relay),
        (Auth, 454, "4.7.0 Temporary authentication failure", Relay),
        (Mail, 421, "4.7.0 try again later", Relay),
        (Mail, 450, "4.7.1 Error: too much mail from 192.0.2.1", Relay),
        (Rcpt, 421, "4.3.2 Service shutting down", Relay),
        (Rcpt, 452, "4.3.1 Insufficient system storage", Relay),
        (Rcpt, 421, "4.7.0 Try again later", Domain),
        (Dot, 421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail", Domain),
        (Chunk, 421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to complaints", Domain),
        (Rcpt, 451, "4.7.650 The mail server [192.0.2.1] has been temporarily rate limited", Domain),
        (Chunk, 451, "4.7.500 Server busy. Please try again later", Domain),
        (Rcpt, 421, "Trop de connexions, veuillez verifier votre configuration", Domain),
        (Rcpt, 450, "4.7.1 Too many messages from you, slow down", Domain),
        (Rcpt, 450, "4.2.1 The user you are trying to contact is receiving mail at a rate", Send),
        (Rcpt, 452, "4.2.2 Over quota", Send),
        (Rcpt, 451, "4.7.1 Greylisted, please try again in 300 seconds", Send),
        (Rcpt, 450, "4.2.0 <a@b.test>: Recipient address rejected: Greylisted", Send),
        (Greeting, 421, "greylisting in action", Send),
        (Rcpt, 451, "4.7.1 Try again later", Send),
        (Rcpt, 454, "4.7.1 Relay access denied", Send),
        (Rcpt, 421, "4.7.0 mx.test Error: too many errors", Send),
        (Rcpt, 421, "closing connection", Send),
        (Rcpt, 451, "4.3.0 Temporary lookup failure", Relay),
        (Mail, 451, "4.1.8 Sender domain not found", Send),
        (Mail, 451, "Temporary local problem - please try later", Relay),
        (Mail, 452, "Insufficient system storage", Relay),
        (Rcpt, 451, "Temporary local problem - please try later", Send),
    ];

    #[test]
    fn every_reply_slows_who_it_means() {
        for (stage, code, text, whom) in TABLE {
            assert_eq!(Reply::new(*code, text).slows(*stage), *whom, "{code} {text}");
        }
    }

    #[test]
    fn what_is_not_temporary_slows_nobody() {
        for code in [250, 354, 550, 554] {
            assert_eq!(Reply::new(code, "5.7.1 too many").slows(Rcpt), Send, "{code}");
        }
    }
}
