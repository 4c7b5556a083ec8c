//! Reading lines and counted bytes, and knowing whether there is more at hand.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A stream, plain or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A stream with what was read ahead and what waits to be said.
pub(super) struct Talk {
    stream: Box<dyn Duplex>,
    unread: Vec<u8>,
    unsaid: Vec<u8>,
    /// Flushes of replies since the last `MAIL`.
    pub(super) trips: usize,
}

impl Talk {
    pub(super) fn over(stream: Box<dyn Duplex>) -> Self {
        Self { stream, unread: Vec::new(), unsaid: Vec::new(), trips: 0 }
    }

    /// The bare stream, for a TLS handshake.
    pub(super) fn take_stream(&mut self) -> Box<dyn Duplex> {
        std::mem::replace(&mut self.stream, Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink())))
    }

    /// Puts something behind the replies that wait.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.unsaid.extend_from_slice(bytes);
    }

    /// Sends what waits; counts it if there was anything.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.unsaid.is_empty() {
            self.trips += 1;
            self.stream.write_all(&self.unsaid).await?;
            self.stream.flush().await?;
            self.unsaid.clear();
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<()> {
        self.flush().await?;
        let mut chunk = vec![0; 64 * 1024];
        match self.stream.read(&mut chunk).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.unread.extend_from_slice(&chunk[..read]);
                Ok(())
            }
        }
    }

    /// The next line without its CRLF.
    pub(super) async fn line(&mut self) -> io::Result<String> {
        self.until(b"\r\n").await.map(|line| String::from_utf8_lossy(&line).into_owned())
    }

    /// The bytes before the next `end`, which is taken out too.
    async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.unread, end) {
                let found = self.unread[..at].to_vec();
                self.unread.drain(..at + end.len());
                return Ok(found);
            }
            self.more().await?;
        }
    }

    /// Exactly so many bytes.
    pub(super) async fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.more().await?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// The lines before the lone dot, their dots removed.
    pub(super) async fn dotted(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let mut line = self.until(b"\r\n").await?;
            if line == b"." {
                return Ok(content);
            }
            if line.starts_with(b".") {
                line.remove(0);
            }
            content.extend_from_slice(&line);
            content.extend_from_slice(b"\r\n");
        }
    }
}
