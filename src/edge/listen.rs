//! Sockets: one for each thread, all on the same port; or one that was passed to us, shared by all threads.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel completes while no thread accepts; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Binds `threads` sockets to one address; where its port is 0, all to the one the first was given.
pub(super) fn bind(address: SocketAddr, threads: usize) -> io::Result<(Vec<TcpListener>, SocketAddr)> {
    let first = socket(address)?;
    let given = first.local_addr()?;
    let others = (1..threads).map(|_| socket(given));
    let all = std::iter::once(Ok(first)).chain(others).collect::<io::Result<_>>()?;
    Ok((all, given))
}

/// Shares sockets that listen already among `threads` or more. All threads wait at one queue then, which is the
/// kernel's as long as anybody holds the socket: what is in it when we stop is left to whoever comes after us.
pub(super) fn share(passed: &[TcpListener], threads: usize) -> io::Result<(Vec<TcpListener>, SocketAddr)> {
    let first = passed.first().ok_or(io::ErrorKind::InvalidInput)?.local_addr()?;
    for socket in passed {
        socket.set_nonblocking(true)?;
    }
    let shared = passed.iter().cycle().take(threads.max(passed.len()));
    Ok((shared.map(TcpListener::try_clone).collect::<io::Result<_>>()?, first))
}

fn socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
