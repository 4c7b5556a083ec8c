//! A letter as bytes on the wire: its envelope commands, and its content for `BDAT` or `DATA`.
//!
//! Everything is refused here that a lenient relay could take for a command of ours: line breaks and brackets in
//! addresses, bare CR or LF in the content (SMTP smuggling, CVE-2023-51764 and its kin).

use std::io::Write;

use super::decision::Decision;
use super::offers::Offers;
use super::reply::Trouble;
use crate::model::Letter;

/// `MAIL FROM…` with the parameters this letter needs, and `RCPT TO…`.
///
/// # Errors
/// A [`Decision::Reject`] if the letter cannot be said to this relay.
pub(super) fn envelope(letter: &Letter, offers: &Offers) -> Result<(String, String), Trouble> {
    address(&letter.from)?;
    address(&letter.to)?;
    if letter.to.is_empty() {
        return Err(reject("the letter has no recipient"));
    }
    whole_lines(&letter.bytes)?;
    let size = if offers.size { format!(" SIZE={}", letter.bytes.len()) } else { String::new() };
    let mut mail = format!("MAIL FROM:<{}>{size}", letter.from);
    if !letter.bytes.is_ascii() {
        if !offers.eight_bit {
            return Err(reject("the message has 8-bit content, and the relay does not offer 8BITMIME"));
        }
        mail.push_str(" BODY=8BITMIME");
    }
    if !letter.from.is_ascii() || !letter.to.is_ascii() {
        if !offers.utf8 {
            return Err(reject("the address needs SMTPUTF8, which the relay does not offer"));
        }
        mail.push_str(" SMTPUTF8");
    }
    mail.push_str("\r\n");
    Ok((mail, format!("RCPT TO:<{}>\r\n", letter.to)))
}

/// Appends `BDAT` and the content as it is: bytes are counted, so nothing in them can be taken for a command.
pub(super) fn chunk(content: &[u8], out: &mut Vec<u8>) {
    out.reserve(content.len() + 32);
    write!(out, "BDAT {} LAST\r\n", content.len()).expect("writing to memory cannot fail");
    out.extend_from_slice(content);
}

/// Appends the content for `DATA`: lines that begin with a dot get a second one, and the lone dot ends it.
pub(super) fn dotted(content: &[u8], out: &mut Vec<u8>) {
    out.reserve(content.len() + 16);
    if content.starts_with(b".") {
        out.push(b'.');
    }
    let mut copied = 0;
    for start in memchr::memmem::find_iter(content, b"\r\n.") {
        let dot = start + 2;
        out.extend_from_slice(&content[copied..dot]);
        out.push(b'.');
        copied = dot;
    }
    out.extend_from_slice(&content[copied..]);
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// An address that can stand between angle brackets.
fn address(address: &str) -> Result<(), Trouble> {
    let unfit = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>');
    if address.contains(unfit) {
        return Err(reject("an address has characters that cannot be sent"));
    }
    Ok(())
}

/// Lines end in CRLF, and nowhere else is a CR or LF.
fn whole_lines(content: &[u8]) -> Result<(), Trouble> {
    let whole = memchr::memchr2_iter(b'\r', b'\n', content).all(|at| match content[at] {
        b'\r' => content.get(at + 1) == Some(&b'\n'),
        _ => at > 0 && content[at - 1] == b'\r',
    });
    if whole { Ok(()) } else { Err(reject("the message has a bare CR or LF")) }
}

fn reject(words: &str) -> Trouble {
    Trouble::Own(Decision::Reject, words.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn letter(from: &str, to: &str, bytes: &[u8]) -> Letter {
        Letter { from: from.into(), to: to.into(), bytes: bytes.to_vec() }
    }

    fn all() -> Offers {
        Offers { size: true, eight_bit: true, utf8: true, ..Offers::default() }
    }

    fn refused(letter: &Letter, offers: &Offers) -> String {
        let trouble = envelope(letter, offers).expect_err("this letter cannot be sent");
        assert_eq!(trouble.decision(), Decision::Reject);
        trouble.reason()
    }

    #[test]
    fn parameters_are_only_those_needed_and_offered() {
        let plain = letter("a@example.org", "b@example.net", b"x\r\n");
        let said = |letter: &Letter, offers: &Offers| envelope(letter, offers).expect("it can be sent").0;
        assert_eq!(said(&plain, &Offers::default()), "MAIL FROM:<a@example.org>\r\n");
        assert_eq!(said(&plain, &all()), "MAIL FROM:<a@example.org> SIZE=3\r\n");
        let wide = letter("", "é@example.net", "é\r\n".as_bytes());
        assert_eq!(said(&wide, &all()), "MAIL FROM:<> SIZE=4 BODY=8BITMIME SMTPUTF8\r\n");
        assert!(refused(&wide, &Offers { utf8: true, ..Offers::default() }).contains("8BITMIME"));
        assert!(refused(&wide, &Offers { eight_bit: true, ..Offers::default() }).contains("SMTPUTF8"));
    }

    #[test]
    fn what_could_be_taken_for_a_command_is_refused() {
        for bad in ["a@b\r\nRCPT TO:<c@d", "a@b> SIZE=1", "<a@b", "a b@c", "a\0@b", "a@b\u{85}"] {
            assert!(refused(&letter(bad, "b@c", b""), &all()).contains("address"), "{bad:?}");
            assert!(refused(&letter("a@b", bad, b""), &all()).contains("address"), "{bad:?}");
        }
        assert!(refused(&letter("a@b", "", b""), &all()).contains("no recipient"));
        for bad in [&b"a\nb\r\n"[..], b"a\rb\r\n", b"\n", b"a\r", b"a\r\r\n", b"\n\r"] {
            assert!(refused(&letter("a@b", "c@d", bad), &all()).contains("bare CR or LF"), "{bad:?}");
        }
    }

    /// What a receiver makes of dotted content (RFC 5321 section 4.5.2).
    fn undotted(wire: &[u8]) -> Vec<u8> {
        let body = wire.strip_suffix(b".\r\n").expect("the lone dot comes last");
        let lines = body.split_inclusive(|byte| *byte == b'\n');
        lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
    }

    proptest! {
        #[test]
        fn the_wire_has_exactly_one_end(lines in prop::collection::vec("[.a]{0,4}\r\n", 0..12)) {
            let content = lines.concat();
            let mut wire = b"\r\n".to_vec();
            dotted(content.as_bytes(), &mut wire);
            prop_assert_eq!(memchr::memmem::find_iter(&wire, b"\r\n.\r\n").count(), 1);
            prop_assert!(wire.ends_with(b"\r\n.\r\n"));
            prop_assert_eq!(undotted(&wire[2..]), content.as_bytes());
        }

        #[test]
        fn only_whole_lines_pass(content in "[\r\n.a]{0,12}") {
            let stripped = content.replace("\r\n", "");
            prop_assert_eq!(whole_lines(content.as_bytes()).is_ok(), !stripped.contains(['\r', '\n']));
        }
    }
}
