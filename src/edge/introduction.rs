//! The PROXY protocol: what a load balancer says about its client before the client's first byte.
//!
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>. The header is read exactly to its end, so that what follows
//! is HTTP as ever.

use std::io::{self, ErrorKind};
use std::net::IpAddr;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::config::ProxyProtocol;

/// Bytes of a version 2 header before what its length counts.
const FIXED: usize = 16;

/// Most bytes of a version 2 header behind those: addresses have 36, balancers add some hundred of their own.
const LONGEST: u16 = 4096;

/// Most bytes of a version 1 header, as its specification counts them.
const LONGEST_LINE: usize = 107;

/// Who speaks on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// A client with this address.
    Client(IpAddr),
    /// The balancer itself: it looks whether we are alive.
    Balancer,
    /// Somebody without an address that we know.
    Unknown,
}

/// Reads the header.
///
/// # Errors
/// If there is none of this version, or the connection ends in it.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    version: ProxyProtocol,
) -> io::Result<Speaker> {
    match version {
        ProxyProtocol::Off => Ok(Speaker::Balancer),
        ProxyProtocol::V1 => read_line(stream).await,
        ProxyProtocol::V2 => read_bytes(stream).await,
    }
}

async fn read_bytes(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Speaker> {
    let mut header = vec![0; FIXED];
    stream.read_exact(&mut header).await?;
    let length = u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]);
    if !header.starts_with(v2::PROTOCOL_PREFIX) || length > LONGEST {
        return Err(ErrorKind::InvalidData.into());
    }
    header.resize(FIXED + usize::from(length), 0);
    stream.read_exact(&mut header[FIXED..]).await?;
    let header = v2::Header::try_from(header.as_slice()).map_err(|_| ErrorKind::InvalidData)?;
    Ok(match (header.command, header.addresses) {
        (v2::Command::Local, _) => Speaker::Balancer,
        (_, v2::Addresses::IPv4(pair)) => Speaker::Client(pair.source_address.into()),
        (_, v2::Addresses::IPv6(pair)) => Speaker::Client(pair.source_address.into()),
        (_, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => Speaker::Unknown,
    })
}

/// Byte for byte: its end is known only when it comes.
async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Speaker> {
    let mut line = Vec::with_capacity(LONGEST_LINE);
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_LINE {
            return Err(ErrorKind::InvalidData.into());
        }
        line.push(stream.read_u8().await?);
    }
    let header = v1::Header::try_from(line.as_slice()).map_err(|_| ErrorKind::InvalidData)?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(pair) => Speaker::Client(pair.source_address.into()),
        v1::Addresses::Tcp6(pair) => Speaker::Client(pair.source_address.into()),
        v1::Addresses::Unknown => Speaker::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what is left for HTTP.
    async fn introduced(version: ProxyProtocol, mut bytes: &[u8]) -> (Option<Speaker>, &[u8]) {
        let speaker = read(&mut bytes, version).await.ok();
        (speaker, bytes)
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(rest.len()).expect("short").to_be_bytes());
        header.extend(rest);
        header
    }

    #[tokio::test]
    async fn bytes_name_the_client() {
        const PAIR: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0, 80];
        let client = Some(Speaker::Client(IpAddr::from([203, 0, 113, 9])));
        let with_more = [&PAIR[..], &[4, 0, 3, 1, 2, 3]].concat();
        for rest in [&PAIR[..], &with_more] {
            let bytes = [v2(1, 0x11, rest), b"GET".to_vec()].concat();
            let (speaker, left) = introduced(ProxyProtocol::V2, &bytes).await;
            assert!(speaker == client && left == b"GET");
        }
        let six = [[0x20_u8; 32].as_slice(), &[0, 1, 0, 2]].concat();
        let (speaker, _) = introduced(ProxyProtocol::V2, &v2(1, 0x21, &six)).await;
        assert!(speaker == Some(Speaker::Client(IpAddr::from([0x20; 16]))));
        assert!(introduced(ProxyProtocol::V2, &v2(0, 0, &[])).await.0 == Some(Speaker::Balancer));
        assert!(introduced(ProxyProtocol::V2, &v2(1, 0, &[])).await.0 == Some(Speaker::Unknown));
    }

    #[tokio::test]
    async fn a_line_names_the_client() {
        let bytes = b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\nGET";
        let (speaker, left) = introduced(ProxyProtocol::V1, bytes).await;
        assert!(speaker == Some(Speaker::Client(IpAddr::from([203, 0, 113, 9]))) && left == b"GET");
        assert!(introduced(ProxyProtocol::V1, b"PROXY UNKNOWN\r\n").await.0 == Some(Speaker::Unknown));
    }

    #[tokio::test]
    async fn everything_else_is_refused() {
        let http =
            b"GET /o/x HTTP/1.1\r\nHost: t\r\nUser-Agent: somebody who has more to say than this\r\n\r\n";
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        let line = b"PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n";
        let (cut, huge) = (v2(1, 0x11, &[203, 0]), v2(1, 0x11, &[0; 5000]));
        let short = &v2(1, 0x11, &[0; 12])[..20];
        for bytes in [http.as_slice(), &long, line, &cut, &huge, short, b"", &v2(9, 0x11, &[0; 12])] {
            assert!(introduced(ProxyProtocol::V2, bytes).await.0.is_none());
        }
        for bytes in [http.as_slice(), &long, &v2(1, 0x11, &[0; 12]), b"PROXY TCP4 x y 1 2\r\n", b"PROXY"] {
            assert!(introduced(ProxyProtocol::V1, bytes).await.0.is_none());
        }
    }
}
