//! The relaxed canonicalisations (RFC 6376 sections 3.4.2 and 3.4.4): what a relay may do to a mail without harm.

/// Head (with the end of its last line) and body.
pub(super) fn split(mail: &[u8]) -> (&[u8], &[u8]) {
    let empty_line = memchr::memmem::find(mail, b"\r\n\r\n");
    empty_line.map_or((mail, &[]), |at| (&mail[..at + 2], &mail[at + 4..]))
}

/// The body: runs of white space are one space, none ends a line, no empty line ends the body.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(body.len() + 2);
    let mut rest = body;
    while !rest.is_empty() {
        let (line, next) = match memchr::memmem::find(rest, b"\r\n") {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (rest, &rest[rest.len()..]),
        };
        squeeze(line, &mut relaxed);
        relaxed.extend_from_slice(b"\r\n");
        rest = next;
    }
    while relaxed.ends_with(b"\r\n\r\n") {
        relaxed.truncate(relaxed.len() - 2);
    }
    if relaxed == b"\r\n" { Vec::new() } else { relaxed }
}

/// One field without the end of its last line: unfolded, its name in lower case, no space around the colon.
pub(super) fn field(field: &[u8]) -> Vec<u8> {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    let (name, value) = field.split_at(colon);
    let mut relaxed = name.trim_ascii_end().to_ascii_lowercase();
    relaxed.push(b':');
    let unfolded: Vec<u8> = value.iter().skip(1).copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    squeeze(unfolded.trim_ascii_start(), &mut relaxed);
    relaxed
}

/// Adds a line with single spaces and none at its end.
fn squeeze(line: &[u8], to: &mut Vec<u8>) {
    let mut space = false;
    for byte in line {
        if matches!(byte, b' ' | b'\t') {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) {
            to.push(b' ');
        }
        to.push(*byte);
    }
}

/// The fields of a head.
pub(super) struct Fields<'a>(Vec<&'a [u8]>);

impl<'a> Fields<'a> {
    /// Each with its continuation lines, without the last line's end.
    pub(super) fn of(head: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        let mut start = 0;
        for end in memchr::memmem::find_iter(head, b"\r\n") {
            if !matches!(head.get(end + 2), Some(b' ' | b'\t')) {
                fields.push(&head[start..end]);
                start = end + 2;
            }
        }
        Self(fields)
    }

    /// The `h=` list for these names, each once more than it stands there, and the canonical fields it covers: of
    /// several with one name, the last comes first.
    pub(super) fn covered(&self, names: &[&str]) -> (String, Vec<u8>) {
        let (mut list, mut covered) = (Vec::new(), Vec::new());
        for name in names {
            for found in self.0.iter().rev().filter(|found| is_named(found, name)) {
                covered.extend_from_slice(&field(found));
                covered.extend_from_slice(b"\r\n");
                list.push(*name);
            }
            list.push(name);
        }
        (list.join(":"), covered)
    }
}

fn is_named(field: &[u8], name: &str) -> bool {
    let colon = memchr::memchr(b':', field).unwrap_or(field.len());
    field[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6376 section 3.4.5.
    #[test]
    fn the_standards_example() {
        let mail = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (head, rest) = split(mail);
        let fields = Fields::of(head);
        assert_eq!(fields.covered(&["a", "b"]), ("a:a:b:b".into(), b"a:X\r\nb:Y Z\r\n".to_vec()));
        assert_eq!(body(rest), b" C\r\nD E\r\n");
    }

    #[test]
    fn an_empty_body_is_nothing() {
        for empty in ["", "\r\n", "\r\n\r\n", " \t\r\n \r\n"] {
            assert_eq!(body(empty.as_bytes()), b"", "{empty:?}");
        }
        assert_eq!(body(b"a"), b"a\r\n", "a last line gets its end");
        assert_eq!(split(b"A: X\r\n\r\n"), (b"A: X\r\n".as_slice(), b"".as_slice()));
    }

    #[test]
    fn fields_of_one_name_are_taken_from_the_last() {
        let fields = Fields::of(b"A: 1\r\nX: y\r\na: 2\r\n");
        assert_eq!(fields.covered(&["a"]), ("a:a:a".into(), b"a:2\r\na:1\r\n".to_vec()));
    }
}
