//! Sockets: one for each thread, all on the same port.

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

fn socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
