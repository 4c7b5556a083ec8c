//! Listening sockets that the test holds and hands to each life of a gateway, as systemd's socket units do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tokio::process::Command;

/// Descriptors of a gateway's sockets are copied from here upwards, away from where it wants to have them.
const ASIDE: i32 = 50;

/// Puts the descriptors it is given where the protocol wants them, and becomes the program.
const SCRIPT: &str = r#"
names=$1 first=3
shift
while [[ $1 != -- ]]; do
    eval "exec $first<&$1"
    eval "exec $1<&-"
    first=$((first + 1))
    shift
done
shift
export LISTEN_PID=$$ LISTEN_FDS=$((first - 3)) LISTEN_FDNAMES=$names
exec "$@"
"#;

/// Sockets that listen from now until this is dropped, whoever accepts.
#[derive(Debug)]
pub struct Passed {
    sockets: Vec<(String, OwnedFd, SocketAddr)>,
}

impl Passed {
    /// Listens for each of these names on a free port.
    pub fn named(names: &[&str]) -> Passed {
        let socket = |name: &&str| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
            let at = listener.local_addr().expect("it is bound");
            let aside = fcntl_dupfd_cloexec(listener.as_fd(), ASIDE).expect("there are descriptors left");
            fcntl_setfd(&aside, FdFlags::empty()).expect("the descriptor is ours");
            ((*name).to_owned(), aside, at)
        };
        Passed { sockets: names.iter().map(socket).collect() }
    }

    /// Where the socket of this name listens.
    pub fn at(&self, name: &str) -> SocketAddr {
        self.sockets.iter().find(|(each, ..)| each == name).expect("there is one of that name").2
    }

    /// The program with these sockets; its arguments are to follow.
    pub fn command(&self, program: &str) -> Command {
        let names: Vec<&str> = self.sockets.iter().map(|(name, ..)| name.as_str()).collect();
        let mut command = Command::new("bash");
        command.args(["-euc", SCRIPT, "bash", &names.join(":")]);
        command.args(self.sockets.iter().map(|(_, socket, _)| socket.as_raw_fd().to_string()));
        command.args(["--", program]);
        command
    }
}
