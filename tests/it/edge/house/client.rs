//! A client that says exactly what it is told to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// A connection.
pub(in crate::edge) struct Client(pub(super) TcpStream);

/// One response, byte for byte but for its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::edge) struct Reply {
    pub(in crate::edge) status: u16,
    /// The head with its final empty line, the `date` line removed.
    pub(in crate::edge) head: String,
    pub(in crate::edge) body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub(in crate::edge) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(each, value)| each.eq_ignore_ascii_case(name).then_some(value))
    }
}

impl Client {
    pub(in crate::edge) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("sent");
    }

    /// Sends what may meet a closed connection.
    pub(in crate::edge) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    pub(in crate::edge) fn ask(&mut self, request: &str) -> Reply {
        self.send(request);
        self.reply(request.starts_with("HEAD"))
    }

    /// Reads one response; one to HEAD has no body.
    pub(in crate::edge) fn reply(&mut self, to_head: bool) -> Reply {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_ne!(self.0.read(&mut byte).expect("a response"), 0, "closed after {:?}", text(&head));
            head.extend(byte);
        }
        let head = text(&head);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let head = head.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect();
        let mut reply = Reply { status, head, body: Vec::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        reply.body = vec![0; if to_head { 0 } else { length }];
        self.0.read_exact(&mut reply.body).expect("the whole body");
        reply
    }

    /// Whether the server closes now, having said nothing more. A reset is a close.
    pub(in crate::edge) fn ends(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Says that nothing more comes.
    pub(in crate::edge) fn finish(&self) {
        self.0.shutdown(Shutdown::Write).expect("half closed");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("a head in ASCII")
}
