//! Listening sockets that were passed to this process: by systemd's socket units, or by whoever speaks their protocol
//! (`sd_listen_fds(3)`). They outlive the gateway, so a restart refuses nobody: who comes meanwhile waits in the kernel.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;
use socket2::SockRef;

use super::StartError;

/// The names that belong to listeners.
const NAMES: [&str; 4] = ["edge", "api", "ops", "lmtp"];

/// The sockets that were passed and that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Sockets(Vec<Passed>);

#[derive(Debug)]
struct Passed {
    /// `FileDescriptorName=` of its unit; systemd puts the unit's own name where there is none.
    name: String,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Sockets {
    /// None were passed: every listener binds its own.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// What was passed to this process, once: it is no longer in the environment afterwards. To be called before the
    /// process has threads, as the environment is changed.
    ///
    /// # Errors
    /// What was passed are not listening stream sockets, or not as many as there are names.
    pub fn inherited() -> Result<Self, StartError> {
        let names = std::env::var("LISTEN_FDNAMES").ok();
        let mut passed = ListenFd::from_env();
        let count = passed.len();
        let names: Vec<&str> = match names.as_deref() {
            Some(names) if count > 0 => names.split(':').collect(),
            _ => vec![""; count],
        };
        if names.len() != count {
            return Err(StartError::Configuration(format!(
                "LISTEN_FDS passes {count} sockets and LISTEN_FDNAMES names {}: give each its name, or none",
                names.len()
            )));
        }
        let take = |(index, name): (usize, &str)| {
            let socket = Socket::take(&mut passed, index).map_err(|error| {
                StartError::Configuration(format!(
                    "the socket \"{name}\" that was passed cannot be used: {error}; \
                     pass listening stream sockets (ListenStream=, Accept=no)"
                ))
            })?;
            Ok(Passed { name: name.to_owned(), socket })
        };
        names.into_iter().enumerate().map(take).collect::<Result<_, _>>().map(Self)
    }

    /// Takes what is meant for a listener: by its name, or where a socket has none of ours, by the configured address.
    pub(super) fn tcp(&mut self, name: &str, at: SocketAddr) -> Vec<TcpListener> {
        let meant = |passed: &Passed| match &passed.socket {
            Socket::Tcp(socket) if NAMES.contains(&passed.name.as_str()) => {
                passed.name == name && socket.local_addr().is_ok()
            }
            Socket::Tcp(socket) => socket.local_addr().is_ok_and(|bound| bound == at),
            Socket::Unix(_) => false,
        };
        let taken = self.0.extract_if(.., |passed| meant(passed)).filter_map(|passed| match passed.socket {
            Socket::Tcp(socket) => Some(socket),
            Socket::Unix(_) => None,
        });
        taken.collect()
    }

    /// The same for a listener that has one socket; a second one stays behind, for [`all_taken`](Self::all_taken) to tell.
    pub(super) fn one_tcp(&mut self, name: &str, at: SocketAddr) -> Option<TcpListener> {
        let mut taken = self.tcp(name, at).into_iter();
        let first = taken.next();
        self.0.extend(taken.map(|socket| Passed { name: name.to_owned(), socket: Socket::Tcp(socket) }));
        first
    }

    /// The same for a socket of this machine.
    pub(super) fn one_unix(&mut self, name: &str, at: &Path) -> Option<UnixListener> {
        let meant = |passed: &Passed| match &passed.socket {
            Socket::Unix(_) if NAMES.contains(&passed.name.as_str()) => passed.name == name,
            Socket::Unix(socket) => socket.local_addr().is_ok_and(|bound| bound.as_pathname() == Some(at)),
            Socket::Tcp(_) => false,
        };
        let index = self.0.iter().position(meant)?;
        match self.0.remove(index).socket {
            Socket::Unix(socket) => Some(socket),
            Socket::Tcp(_) => None,
        }
    }

    /// That nobody waits at a socket at which nobody answers.
    ///
    /// # Errors
    /// A socket is left that no listener has asked for.
    pub(super) fn all_taken(self) -> Result<(), StartError> {
        match self.0.first() {
            None => Ok(()),
            Some(stranger) => Err(StartError::Configuration(stranger.remedy())),
        }
    }
}

impl Socket {
    /// The socket with this number, ready for the runtime.
    fn take(passed: &mut ListenFd, index: usize) -> io::Result<Self> {
        let tcp = passed.take_tcp_listener(index).map(|socket| socket.map(Self::Tcp));
        let taken = tcp.or_else(|_| passed.take_unix_listener(index).map(|socket| socket.map(Self::Unix)))?;
        let socket = taken.ok_or(io::ErrorKind::NotFound)?;
        let listens = match &socket {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                SockRef::from(socket).is_listener()?
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                SockRef::from(socket).is_listener()?
            }
        };
        if listens { Ok(socket) } else { Err(io::Error::other("it does not listen")) }
    }

    /// Where it listens, as the configuration writes it.
    fn address(&self) -> String {
        match self {
            Self::Tcp(socket) => socket.local_addr().map_or_else(|_| "?".into(), |at| at.to_string()),
            Self::Unix(socket) => {
                let path = socket.local_addr().ok().and_then(|at| at.as_pathname().map(Path::to_owned));
                path.map_or_else(|| "unix:?".into(), |path| format!("unix:{}", path.display()))
            }
        }
    }
}

impl Passed {
    /// What its operator can do about it.
    fn remedy(&self) -> String {
        let (name, at) = (&self.name, self.socket.address());
        let why = match name.as_str() {
            "lmtp" => format!("but bounces.lmtp is not set: set it to \"{at}\", or leave the socket out"),
            known if NAMES.contains(&known) => {
                format!("but {known} has one already, or is none of that kind: leave it out")
            }
            _ => "for which nobody asked: name it edge, api, ops or lmtp (FileDescriptorName=), or configure its \
                  address as that of a listener"
                .to_owned(),
        };
        format!("a socket \"{name}\" was passed that listens on {at}, {why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(name: &str) -> (Passed, SocketAddr) {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let at = socket.local_addr().expect("it is bound");
        (Passed { name: name.into(), socket: Socket::Tcp(socket) }, at)
    }

    #[test]
    fn a_name_counts_before_an_address() {
        let (edge, at) = passed("edge");
        let mut sockets = Sockets(vec![edge]);
        assert!(sockets.one_tcp("api", at).is_none(), "it is the edge's, wherever it listens");
        assert_eq!(sockets.tcp("edge", "127.0.0.1:1".parse().expect("an address")).len(), 1);
        sockets.all_taken().expect("nothing is left");
    }

    #[test]
    fn an_unknown_name_goes_by_its_address() {
        let (unit, at) = passed("vigie.socket");
        let mut sockets = Sockets(vec![unit]);
        assert!(sockets.one_tcp("ops", "127.0.0.1:1".parse().expect("an address")).is_none());
        assert!(sockets.one_tcp("ops", at).is_some());
    }

    #[test]
    fn what_is_left_is_told_with_what_to_do() {
        let left =
            |name: &str| Sockets(vec![passed(name).0]).all_taken().expect_err("one is left").to_string();
        assert!(left("web").contains("FileDescriptorName="), "{}", left("web"));
        assert!(left("lmtp").contains("bounces.lmtp"), "{}", left("lmtp"));
        let (mut sockets, at) = (Sockets(vec![passed("api").0, passed("api").0]), passed("api").1);
        assert!(sockets.one_tcp("api", at).is_some());
        let error = sockets.all_taken().expect_err("the second one").to_string();
        assert!(error.contains("has one already"), "{error}");
    }
}
