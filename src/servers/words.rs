//! The words in which trusted sources may call deeds, and themselves.

use crate::model::{Deed, Source};

/// The words for deeds, for whoever used another.
pub const DEEDS: &str = "read (open), act, write (compose), active (click, view), visible (present), login, sync (idle), \
                         change, leave (logout, hidden, away)";

/// The deed of a word.
pub fn deed(word: &str) -> Option<Deed> {
    Some(match word {
        "read" | "open" | "opened" => Deed::Read,
        "act" | "action" => Deed::Act,
        "write" | "compose" => Deed::Write,
        "active" | "activity" | "click" | "clicked" | "view" | "online" => Deed::Active,
        "visible" | "present" | "presence" | "heartbeat" => Deed::Visible,
        "login" => Deed::Login,
        "sync" | "idle" | "poll" => Deed::Sync,
        "change" | "changed" => Deed::Change,
        "leave" | "left" | "logout" | "hidden" | "away" | "offline" => Deed::Leave,
        _ => return None,
    })
}

/// The kind of source behind a name. One that vigie has no word for is a trusted report like a portal's.
pub fn source(word: &str) -> Source {
    match word {
        "open" | "pixel" => Source::Open,
        "click" | "link" => Source::Click,
        "beacon" => Source::Beacon,
        "imap" | "pop3" | "jmap" | "dovecot" | "stalwart" | "cyrus" | "mailserver" => Source::Imap,
        "webmail" | "roundcube" | "sogo" | "zimbra" => Source::Webmail,
        _ => Source::Portal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_and_source_is_its_own_word() {
        assert!(Deed::ALL.iter().all(|known| deed(known.as_str()) == Some(*known)));
        let own = |known: &&Source| **known != Source::Partner;
        assert!(Source::ALL.iter().filter(own).all(|known| source(known.as_str()) == *known));
        assert_eq!((deed("logout"), deed("dance"), source("crm")), (Some(Deed::Leave), None, Source::Portal));
    }

    #[test]
    fn the_list_of_words_is_true() {
        let words = DEEDS.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty());
        assert!(words.clone().all(|word| deed(word).is_some()));
        assert!(Deed::ALL.iter().all(|known| words.clone().any(|word| word == known.as_str())));
    }
}
