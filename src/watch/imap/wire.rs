//! Lines to and from a server, of which no more is kept than one line.

use memchr::memchr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::response::Response;
use super::trouble::Trouble;
use crate::dial::Io;

/// The longest line understood. Capabilities are the longest in earnest: some 1 KiB.
const LONGEST_LINE: usize = 16 * 1024;

/// Read at once; an idle connection holds as much.
const CHUNK: usize = 1024;

/// What a server may say in answer to one command: the flags of a thousand messages are some 100 KiB.
const ANSWER: usize = 1024 * 1024;

/// What a server may say during one `IDLE`: somebody who marks 50 000 messages as read is 3 MiB.
const WHILE_IDLE: usize = 8 * 1024 * 1024;

/// One connection.
pub(super) struct Wire<S> {
    stream: S,
    /// Read and not yet understood.
    input: Vec<u8>,
    /// How much of it has no end of a line.
    scanned: usize,
    /// How many bytes the server may still say.
    allowance: usize,
}

impl<S: Io> Wire<S> {
    /// A connection on which nothing was said.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, input: Vec::new(), scanned: 0, allowance: ANSWER }
    }

    /// The stream itself; none if the server has said more than was listened to, which could be somebody else's words.
    pub(super) fn into_stream(self) -> Option<S> {
        self.input.is_empty().then_some(self.stream)
    }

    /// An answer begins: the server may say as much as one needs.
    pub(super) fn expect_answer(&mut self) {
        self.allowance = ANSWER;
    }

    /// Waiting begins: the server may say as much as a busy mailbox needs.
    pub(super) fn expect_changes(&mut self) {
        self.allowance = WHILE_IDLE;
    }

    /// Writes a line, without its end.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), Trouble> {
        let line = [line, "\r\n"].concat();
        let said = async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        };
        said.await.map_err(|_| Trouble::Closed)
    }

    /// The next response. Nothing is lost if the wait for it is given up.
    pub(super) async fn hear(&mut self) -> Result<Response, Trouble> {
        loop {
            if let Some(length) = memchr(b'\n', &self.input[self.scanned..]) {
                let end = self.scanned + length;
                let line = &self.input[..end];
                let response = Response::parse(line.strip_suffix(b"\r").unwrap_or(line));
                self.input.drain(..=end);
                self.scanned = 0;
                return response;
            }
            self.scanned = self.input.len();
            if self.scanned >= LONGEST_LINE {
                return Err(Trouble::TooMuch);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), Trouble> {
        if self.allowance == 0 {
            return Err(Trouble::TooMuch);
        }
        if self.input.is_empty() && self.input.capacity() > CHUNK {
            self.input = Vec::new();
        }
        self.input.reserve(CHUNK);
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) | Err(_) => Err(Trouble::Closed),
            Ok(read) => {
                self.allowance = self.allowance.saturating_sub(read);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of these bytes: responses, and what ended them.
    async fn heard(bytes: &[u8]) -> (Vec<Response>, Trouble) {
        let (mut server, client) = tokio::io::duplex(64 * 1024);
        let bytes = bytes.to_vec();
        let writer = tokio::spawn(async move { server.write_all(&bytes).await });
        let mut wire = Wire::new(client);
        let mut responses = Vec::new();
        let trouble = loop {
            match wire.hear().await {
                Ok(response) => responses.push(response),
                Err(trouble) => break trouble,
            }
            assert!(wire.input.capacity() <= 2 * (LONGEST_LINE + CHUNK));
        };
        writer.abort();
        (responses, trouble)
    }

    #[tokio::test]
    async fn lines_come_one_by_one_however_they_are_cut() {
        let (responses, trouble) = heard(b"* 3 EXISTS\r\n* 1 EXPUNGE\n+ idling\r\n* 2 EXI").await;
        assert_eq!(responses, [Response::Exists(3), Response::Expunge(1), Response::Continue]);
        assert_eq!(trouble, Trouble::Closed);
    }

    #[tokio::test]
    async fn an_endless_line_is_given_up() {
        let (responses, trouble) = heard(&b"*".repeat(100_000)).await;
        assert_eq!((responses.len(), trouble), (0, Trouble::TooMuch));
    }

    #[tokio::test]
    async fn an_endless_answer_is_given_up() {
        let (responses, trouble) = heard(&b"* OK Still here\r\n".repeat(200_000)).await;
        assert_eq!(trouble, Trouble::TooMuch);
        assert!(responses.len() * 17 <= ANSWER + 2 * CHUNK, "{} responses", responses.len());
    }

    #[tokio::test]
    async fn a_literal_is_refused_at_its_announcement() {
        let (responses, trouble) = heard(b"* 1 FETCH (BODY[] {2000000000}\r\n").await;
        assert_eq!((responses.len(), trouble), (0, Trouble::TooMuch));
    }

    #[tokio::test]
    async fn what_was_said_in_clear_before_tls_ends_it() {
        let (mut server, client) = tokio::io::duplex(1024);
        server.write_all(b"v1 OK begin\r\n* CAPABILITY IDLE\r\n").await.expect("written");
        let mut wire = Wire::new(client);
        wire.hear().await.expect("a response");
        assert!(wire.into_stream().is_none());
    }
}
