//! Ports for servers that cannot be handed a socket.

use std::net::{Ipv4Addr, TcpListener};

/// Ports of 127.0.0.1 that were free a moment ago, all different.
pub fn free_ports(count: usize) -> Vec<u16> {
    let free = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let listeners: Vec<_> = (0..count).map(free).collect();
    let port = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    listeners.iter().map(port).collect()
}
