//! The socket under lettre's connection, kept in our own hands.
//!
//! lettre reads through a buffer of its own that nobody can look into. This stream hands it *one line at a time*, so
//! that its buffer is empty whenever a reply is complete, and everything the relay said out of turn is still here,
//! where [`Wire::quiet`] sees it. That is what makes three promises checkable: no late reply becomes the answer to
//! another mail, nothing said in clear survives `STARTTLS`, and no reply line grows without bound.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::CertificateDer;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The longest reply line; lettre's own limit is checked only after the line is complete.
const MAX_LINE: usize = 1000;

/// The most lines behind one write, three replies included; lettre parses a reply anew with each of its lines.
const MAX_LINES: usize = 256;

/// One connection's stream, shared between lettre (replies) and us (whole transactions in one write).
#[derive(Debug, Clone)]
pub(super) struct Wire(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    stream: Stream,
    /// What was read from the socket and not yet handed out.
    unread: Vec<u8>,
    /// A complete line on its way to lettre.
    line: Vec<u8>,
    /// Lines handed out since the last write.
    lines: usize,
    /// The relay closed its side, or the socket failed.
    ended: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Taken for the TLS handshake; a failed one leaves it here.
    Gone,
}

impl Wire {
    /// Wraps a connected socket.
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self::over(Stream::Plain(stream))
    }

    /// Wraps a socket that spoke TLS from the first byte.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self::over(Stream::Tls(Box::new(stream)))
    }

    fn over(stream: Stream) -> Self {
        let unread = Vec::with_capacity(MAX_LINE);
        Self(Arc::new(Mutex::new(Inner { stream, unread, line: Vec::new(), lines: 0, ended: false })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every poll leaves the stream consistent, so a panic elsewhere did no harm here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the plain socket out for a TLS handshake: only if the relay said nothing behind its last reply.
    pub(super) fn take_plain(&self) -> Option<TcpStream> {
        let mut inner = self.inner();
        if !inner.unread.is_empty() || !inner.line.is_empty() {
            return None;
        }
        match std::mem::replace(&mut inner.stream, Stream::Gone) {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(_) | Stream::Gone => None,
        }
    }

    /// Goes on under TLS.
    pub(super) fn put_tls(&self, stream: TlsStream<TcpStream>) {
        self.inner().stream = Stream::Tls(Box::new(stream));
    }

    /// Whether what is said here is encrypted.
    pub(super) fn encrypted(&self) -> bool {
        matches!(self.inner().stream, Stream::Tls(_))
    }

    /// The certificate that the relay showed.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        match &self.inner().stream {
            Stream::Tls(stream) => {
                Some(stream.get_ref().1.peer_certificates()?.first()?.clone().into_owned())
            }
            Stream::Plain(_) | Stream::Gone => None,
        }
    }

    /// Whether the relay closed the connection.
    pub(super) fn ended(&self) -> bool {
        self.inner().ended
    }

    /// Whether the connection is open and the relay has said nothing that we did not ask for. Costs no round trip.
    pub(super) fn quiet(&self) -> bool {
        self.inner().quiet()
    }

    /// Writes everything at once.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.clone();
        stream.write_all(bytes).await?;
        stream.flush().await
    }
}

impl Inner {
    fn quiet(&mut self) -> bool {
        if self.ended || !self.unread.is_empty() || !self.line.is_empty() {
            return false;
        }
        let socket = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
            Stream::Gone => return false,
        };
        let mut peeked = [MaybeUninit::uninit(); 1];
        let silent = matches!(SockRef::from(socket).peek(&mut peeked),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        // What TLS has decrypted already is no longer in the socket.
        silent && self.fill(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Reads once from the socket into `unread`; false at its end.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut chunk = [MaybeUninit::uninit(); 2 * MAX_LINE];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        let read = ready!(self.stream.poll_read(context, &mut chunk));
        self.unread.extend_from_slice(chunk.filled());
        self.ended |= read.is_err() || chunk.filled().is_empty();
        Poll::Ready(read.map(|()| !self.ended))
    }

    /// Moves the next complete line from `unread` to `line`; false at the end of the stream.
    fn next_line(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread[..self.unread.len().min(MAX_LINE)]) {
                canonical(&self.unread[..end], &mut self.line);
                self.unread.drain(..=end);
                self.lines += 1;
                return if self.lines > MAX_LINES { endless() } else { Poll::Ready(Ok(true)) };
            }
            if self.unread.len() >= MAX_LINE {
                return endless();
            }
            if !ready!(self.fill(context))? {
                return Poll::Ready(Ok(false));
            }
        }
    }
}

fn endless<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the reply does not end")))
}

/// The line as lettre's strict parser wants it: ASCII, a space behind a bare code (RFC 5321 section 4.2 allows it to be
/// missing), CRLF at the end.
fn canonical(line: &[u8], out: &mut Vec<u8>) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    out.clear();
    out.extend(line.iter().map(|byte| if matches!(byte, b' '..=b'~' | b'\t') { *byte } else { b'?' }));
    if line.len() == 3 {
        out.push(b' ');
    }
    out.extend_from_slice(b"\r\n");
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        if inner.line.is_empty() && !ready!(inner.next_line(context))? {
            return Poll::Ready(Ok(()));
        }
        let handed = inner.line.len().min(buffer.remaining());
        buffer.put_slice(&inner.line[..handed]);
        inner.line.drain(..handed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.inner();
        inner.lines = 0;
        match &mut inner.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl Stream {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.inner().stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_made_fit_for_a_strict_parser() {
        let line = |raw: &[u8]| {
            let mut out = b"old".to_vec();
            canonical(raw, &mut out);
            String::from_utf8(out).expect("ASCII stays UTF-8")
        };
        assert_eq!(line(b"250 2.0.0 OK\r"), "250 2.0.0 OK\r\n");
        assert_eq!(line(b"250"), "250 \r\n");
        assert_eq!(line(b"550 inconnu: \xe9t\xe9\0"), "550 inconnu: ?t??\r\n");
        assert_eq!(line(b"250-a\rb\r"), "250-a?b\r\n");
    }
}
