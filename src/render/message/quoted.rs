//! Quoted-printable (RFC 2045 section 6.7), written by runs: the crate that lettre brings takes seventy instructions per
//! byte, a third of all that rendering a letter took.

/// Longest encoded line, without the `=` that a line which goes on ends with (rule 5: 76 in all).
const LONGEST: usize = 75;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Bytes that stand for themselves (rules 2 and 3); blanks do so unless they end a line.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'=';
        byte += 1;
    }
    plain[b'\t' as usize] = true;
    plain
};

/// This text, whose lines end with CRLF, encoded.
pub(super) fn encode(text: &str) -> Vec<u8> {
    // A letter in a language with accents grows by a twelfth.
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 8);
    for (number, line) in super::lines(text).enumerate() {
        if number > 0 {
            encoded.extend_from_slice(b"\r\n");
        }
        encode_line(line, &mut encoded);
    }
    encoded
}

fn encode_line(line: &[u8], encoded: &mut Vec<u8>) {
    let (mut rest, blank) = match line {
        [rest @ .., blank @ (b' ' | b'\t')] => (rest, Some(*blank)),
        line => (line, None),
    };
    let mut room = LONGEST;
    while !rest.is_empty() {
        let fits = &rest[..rest.len().min(room)];
        let run = fits.iter().position(|byte| !PLAIN[usize::from(*byte)]).unwrap_or(fits.len());
        encoded.extend_from_slice(&rest[..run]);
        (rest, room) = (&rest[run..], room - run);
        match rest {
            [byte, after @ ..] if !PLAIN[usize::from(*byte)] => {
                escape(*byte, &mut room, encoded);
                rest = after;
            }
            [] => {}
            _ => go_on(&mut room, encoded),
        }
    }
    if let Some(blank) = blank {
        escape(blank, &mut room, encoded);
    }
}

fn escape(byte: u8, room: &mut usize, encoded: &mut Vec<u8>) {
    if *room < 3 {
        go_on(room, encoded);
    }
    let [high, low] = [byte >> 4, byte & 15].map(|half| HEX[usize::from(half)]);
    encoded.extend_from_slice(&[b'=', high, low]);
    *room -= 3;
}

/// Ends a line that goes on.
fn go_on(room: &mut usize, encoded: &mut Vec<u8>) {
    encoded.extend_from_slice(b"=\r\n");
    *room = LONGEST;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> String {
        String::from_utf8(encode(text)).expect("ASCII")
    }

    #[test]
    fn what_is_plain_stays_and_the_rest_is_escaped() {
        for (text, expected) in [
            ("", ""),
            ("a=b", "a=3Db"),
            ("é\r\n\t~!", "=C3=A9\r\n\t~!"),
            ("blank \r\nand tab\t", "blank=20\r\nand tab=09"),
            (" \r\n  ", "=20\r\n =20"),
            ("lone\rand\nends", "lone=0Dand=0Aends"),
        ] {
            assert_eq!(encoded(text), expected);
        }
    }

    #[test]
    fn long_lines_are_folded_before_the_77th_byte() {
        let line = "x".repeat(75);
        assert_eq!(encoded(&line), line);
        assert_eq!(encoded(&format!("{line}y")), format!("{line}=\r\ny"));
        assert_eq!(encoded(&format!("{}é", &line[..71])), format!("{}=C3=\r\n=A9", &line[..71]));
        assert_eq!(encoded(&format!("{} ", &line[..73])), format!("{}=\r\n=20", &line[..73]));
    }

    proptest! {
        /// Somebody else's decoder reads what was written, and every line is as the RFC wants it.
        #[test]
        fn any_text_survives(text in "(\\PC|[ \t=é]|\r\n|[a-z ]{60,90}){0,40}") {
            let encoded = encoded(&text);
            let read = quoted_printable::decode(&encoded, quoted_printable::ParseMode::Strict);
            prop_assert_eq!(read.map_err(|error| error.to_string()), Ok(text.into_bytes()));
            for line in encoded.split("\r\n") {
                prop_assert!(line.len() <= 76 && !line.ends_with([' ', '\t']), "{}", line);
                prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{}", line);
            }
        }
    }
}
