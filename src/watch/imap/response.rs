//! What a server said, as far as a watcher needs it. All else is skipped, not understood.

use super::trouble::Trouble;
use crate::redact::foreign;

/// One line of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Response {
    /// `+`: it waits for more from us, or it idles.
    Continue,
    /// A command's end.
    Done(Done),
    /// `* OK`: a greeting, or nothing new.
    Fine,
    /// `* BYE`: it is about to end the connection.
    Bye,
    /// What it can do.
    Capability(Offers),
    /// So many messages are in the folder.
    Exists(u32),
    /// The message with this number is gone; those behind it have moved up.
    Expunge(u32),
    /// Messages are gone; their numbers are not told.
    Vanished,
    /// The message with this number has these flags now.
    Flags(u32, Flags),
    /// Nothing that matters.
    Other,
}

/// A command's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    /// Which command's.
    pub(super) tag: u32,
    /// Whether it did as asked; if not, why.
    pub(super) result: Result<(), No>,
}

/// A command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct No {
    /// It may be at another time.
    pub(super) not_now: bool,
    /// The server's words, fit to be logged.
    pub(super) words: String,
}

/// What a server can do, as far as it matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// `IDLE`.
    pub(super) idle: bool,
    /// `ID`.
    pub(super) id: bool,
    /// The first words of `AUTHENTICATE` may come with it.
    pub(super) initial_response: bool,
    /// `AUTHENTICATE PLAIN`.
    pub(super) plain: bool,
    /// `AUTHENTICATE XOAUTH2`.
    pub(super) xoauth2: bool,
    /// No `LOGIN`.
    pub(super) login_disabled: bool,
}

/// A message's flags, as far as they tell what a person did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    /// `\Seen`.
    pub(super) const SEEN: Self = Self(1);
    /// `\Answered`, `\Flagged` and `\Deleted`.
    pub(super) const ACTED: Self = Self(2 | 4 | 8);

    /// Those of them that `before` does not have.
    pub(super) const fn beyond(self, before: Self) -> Self {
        Self(self.0 & !before.0)
    }

    /// Whether they have any of these.
    pub(super) const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// Reads what stands between the brackets; unknown flags are skipped.
    fn parse(words: &[u8]) -> Self {
        let known: [(&[u8], u8); 4] =
            [(br"\Seen", 1), (br"\Answered", 2), (br"\Flagged", 4), (br"\Deleted", 8)];
        let bit =
            |word: &[u8]| known.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, bit)| bit);
        Self(words.split(|byte| *byte == b' ').filter_map(bit).fold(0, |all, bit| all | bit))
    }
}

impl Offers {
    fn parse(words: &[u8]) -> Self {
        let mut offers = Self::default();
        for word in words.split(|byte| *byte == b' ') {
            match word.to_ascii_uppercase().as_slice() {
                b"IDLE" => offers.idle = true,
                b"ID" => offers.id = true,
                b"SASL-IR" => offers.initial_response = true,
                b"AUTH=PLAIN" => offers.plain = true,
                b"AUTH=XOAUTH2" => offers.xoauth2 = true,
                b"LOGINDISABLED" => offers.login_disabled = true,
                _ => {}
            }
        }
        offers
    }
}

/// Before a command's number, so that it cannot be taken for a message's.
pub(super) const TAG: char = 'v';

/// Answer codes that say that it is not the login's fault (RFC 5530).
const NOT_NOW: [&str; 5] = ["[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[OVERQUOTA]"];

impl Response {
    /// Reads one line, without its end.
    ///
    /// # Errors
    /// [`Trouble::Garbage`] if no IMAP server says such a line, [`Trouble::TooMuch`] if a literal would follow.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Trouble> {
        match line.first() {
            Some(b'+') => Ok(Self::Continue),
            Some(b'*') => untagged(line.strip_prefix(b"* ").ok_or(Trouble::Garbage)?),
            _ => tagged(line).map(Self::Done).ok_or(Trouble::Garbage),
        }
    }
}

fn untagged(words: &[u8]) -> Result<Response, Trouble> {
    let (first, rest) = cut(words);
    // Only these end with free text; in all others a number in braces announces a literal.
    match first.to_ascii_uppercase().as_slice() {
        b"OK" => return Ok(Response::Fine),
        b"NO" | b"BAD" | b"PREAUTH" => return Ok(Response::Other),
        b"BYE" => return Ok(Response::Bye),
        _ if announces_literal(words) => return Err(Trouble::TooMuch),
        b"CAPABILITY" => return Ok(Response::Capability(Offers::parse(rest))),
        b"VANISHED" => return Ok(Response::Vanished),
        _ => {}
    }
    let Some(number) = number(first) else { return Ok(Response::Other) };
    let (what, rest) = cut(rest);
    Ok(match what.to_ascii_uppercase().as_slice() {
        b"EXISTS" => Response::Exists(number),
        b"EXPUNGE" => Response::Expunge(number),
        b"FETCH" => flags(rest).map_or(Response::Other, |flags| Response::Flags(number, flags)),
        _ => Response::Other,
    })
}

fn tagged(line: &[u8]) -> Option<Done> {
    let (tag, rest) = cut(line);
    let tag = number(tag.strip_prefix(&[TAG as u8])?)?;
    let (result, words) = cut(rest);
    let result = match result.to_ascii_uppercase().as_slice() {
        b"OK" => Ok(()),
        b"NO" | b"BAD" => {
            let words = String::from_utf8_lossy(words);
            let not_now = NOT_NOW.iter().any(|code| words.starts_with(code));
            Err(No { not_now, words: foreign(&words) })
        }
        _ => return None,
    };
    Some(Done { tag, result })
}

/// The first word, and what is behind it.
fn cut(words: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', words) {
        Some(space) => (&words[..space], &words[space + 1..]),
        None => (words, b""),
    }
}

fn number(word: &[u8]) -> Option<u32> {
    // `parse` alone would take a plus sign.
    let digits = word.iter().all(u8::is_ascii_digit);
    str::from_utf8(word).ok().filter(|_| digits)?.parse().ok()
}

/// Whether a line ends in `{123}` or `{123+}`, of any size.
fn announces_literal(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"}") else { return false };
    let line = line.strip_suffix(b"+").unwrap_or(line);
    let before = line.trim_ascii_end().len();
    let digits = line[..before].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && line[..before - digits].ends_with(b"{")
}

/// The flags among a `FETCH` response's items: `(UID 1 MODSEQ (5) FLAGS (\Seen))`. None if they are not there, or if
/// brackets and quotes do not fit.
fn flags(items: &[u8]) -> Option<Flags> {
    const NAME: &[u8] = b"FLAGS (";
    let (mut depth, mut quoted, mut at) = (0_u32, false, 0);
    while let Some(byte) = items.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b'F' | b'f' if depth == 1 && matches!(items[at - 1], b'(' | b' ') => {
                let rest = &items[at..];
                if rest.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
                    let list = &rest[NAME.len()..];
                    return memchr::memchr(b')', list).map(|end| Flags::parse(&list[..end]));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests;
