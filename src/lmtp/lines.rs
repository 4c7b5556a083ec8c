//! Reading what a mail server writes: commands, and mails up to their lone dot; all within bounds.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest command line: RFC 5321 allows 512, extensions some more.
const LONGEST_COMMAND: u64 = 4096;

/// A mail is read in pieces of lines that are at most so long.
const PIECE: u64 = 8192;

/// Largest mail that is read at all: far beyond what mail servers return.
pub(super) const LARGEST: usize = 64 << 20;

/// The next command, without its end; none if the peer has gone, or sends a line that is no command.
pub(super) async fn command(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    stream.take(LONGEST_COMMAND).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// A mail up to its end, of which only the first `most` bytes are kept; none if it is larger than [`LARGEST`].
///
/// # Errors
/// The peer has gone before the end.
pub(super) async fn mail(
    stream: &mut (impl AsyncBufRead + Unpin),
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let (mut kept, mut length, mut at_start) = (Vec::new(), 0, true);
    loop {
        let mut piece = Vec::new();
        stream.take(PIECE).read_until(b'\n', &mut piece).await?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if at_start && piece == b".\r\n" {
            return Ok((length <= LARGEST).then_some(kept));
        }
        let stuffed = usize::from(at_start && piece[0] == b'.');
        at_start = piece.ends_with(b"\r\n");
        length += piece.len();
        let room = most.saturating_sub(kept.len());
        kept.extend(piece.into_iter().skip(stuffed).take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut text: &[u8], most: usize) -> (Option<Vec<u8>>, usize) {
        let mail = mail(&mut text, most).await.ok().flatten();
        (mail, text.len())
    }

    #[tokio::test]
    async fn a_mail_ends_at_its_lone_dot_and_nowhere_else() {
        let text = b"a\r\n..b\r\n.c\n.\n\r\n.\r\nQUIT\r\n";
        assert_eq!(read(text, 100).await, (Some(b"a\r\n.b\r\nc\n.\n\r\n".to_vec()), 6));
        assert_eq!(read(b".\r\n", 100).await, (Some(Vec::new()), 0));
        assert_eq!(read(text, 4).await, (Some(b"a\r\n.".to_vec()), 6));
        for torn in [&b""[..], b"a", b"a\r\n.", b"a\r\n.\n"] {
            assert_eq!(read(torn, 100).await.0, None);
        }
    }

    #[tokio::test]
    async fn a_line_may_be_as_long_as_it_likes() {
        let mut text = vec![b'x'; 100_000];
        text.extend(b"\r\n.\r\n");
        assert_eq!(read(&text, 1000).await.0.map(|mail| mail.len()), Some(1000));
        let mut dots = vec![b'.'; 3 * 8192];
        dots.extend(b"\r\n.\r\n");
        assert_eq!(read(&dots, 1 << 20).await.0.map(|mail| mail.len()), Some(3 * 8192 + 1));
    }

    #[tokio::test]
    async fn a_command_is_one_line() {
        let mut text = &b"LHLO x\r\nQUIT\nno end"[..];
        assert_eq!(command(&mut text).await.expect("readable").as_deref(), Some("LHLO x"));
        assert_eq!(command(&mut text).await.expect("readable").as_deref(), Some("QUIT"));
        assert_eq!(command(&mut text).await.expect("readable"), None);
        let long = [b'x'; 5000];
        assert_eq!(command(&mut &long[..]).await.expect("readable"), None);
    }
}
