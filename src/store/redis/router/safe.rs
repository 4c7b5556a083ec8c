//! How safe a new send must be before its producer hears of it.

use std::time::Duration;

use redis::{Cmd, Value, cmd};

use super::super::fault::Fault;

/// A server that waits says nothing else meanwhile on that connection, so it does not wait longer than this: below
/// what a link takes for a stall.
const LONGEST: Duration = Duration::from_secs(2);

/// What is asked for behind the commands, on the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::redis) enum Safe {
    /// `WAIT`: in the memory of this many replicas, within this time (two seconds at most).
    Replicas {
        /// How many.
        count: u16,
        /// How long a server tries.
        within: Duration,
    },
    /// `WAITAOF`: on the primary's disk and on those of this many replicas. Redis 7.2, Valkey.
    Disk {
        /// How many replicas; zero for the primary alone.
        replicas: u16,
        /// How long a server tries.
        within: Duration,
    },
}

impl Safe {
    /// The command that waits. Both mean all that was written so far, also by others: a repeated command that changes
    /// nothing any more is waited for as well.
    pub(super) fn command(self) -> Cmd {
        let milliseconds = u64::try_from(self.within().as_millis()).unwrap_or(u64::MAX).max(1);
        match self {
            Self::Replicas { count, .. } => cmd("WAIT").arg(count).arg(milliseconds).take(),
            Self::Disk { replicas, .. } => cmd("WAITAOF").arg(1).arg(replicas).arg(milliseconds).take(),
        }
    }

    /// How long the server may take over it.
    pub(super) fn within(self) -> Duration {
        let (Self::Replicas { within, .. } | Self::Disk { within, .. }) = self;
        within.min(LONGEST)
    }

    /// Whether the reply says that it is so.
    pub(super) fn judge(self, reply: Option<Value>) -> Result<(), Fault> {
        let enough = match (self, reply) {
            (_, Some(Value::ServerError(error))) => return Err(Fault::of(&error)),
            (Self::Replicas { count, .. }, Some(Value::Int(have))) => have >= i64::from(count),
            (Self::Disk { replicas, .. }, Some(Value::Array(have))) => match have.as_slice() {
                [Value::Int(here), Value::Int(there)] => *here >= 1 && *there >= i64::from(replicas),
                _ => false,
            },
            _ => false,
        };
        if enough { Ok(()) } else { Err(Fault::NotReplicated) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_as_many_as_were_asked_for() {
        let within = Duration::from_millis(500);
        let replicas = Safe::Replicas { count: 2, within };
        assert_eq!(replicas.judge(Some(Value::Int(2))), Ok(()));
        assert_eq!(replicas.judge(Some(Value::Int(1))), Err(Fault::NotReplicated));
        assert_eq!(replicas.judge(None), Err(Fault::NotReplicated));
        let disk = Safe::Disk { replicas: 1, within };
        let reply = |here, there| Some(Value::Array(vec![Value::Int(here), Value::Int(there)]));
        assert_eq!(disk.judge(reply(1, 1)), Ok(()));
        assert_eq!(disk.judge(reply(0, 1)), Err(Fault::NotReplicated));
        assert_eq!(disk.judge(reply(1, 0)), Err(Fault::NotReplicated));
    }

    #[test]
    fn a_server_waits_at_least_a_moment_and_never_for_ever() {
        let command = |within| Safe::Replicas { count: 1, within }.command().get_packed_command();
        assert!(command(Duration::ZERO).ends_with(b"$1\r\n1\r\n"), "zero would mean for ever");
        assert!(command(Duration::MAX).ends_with(b"$4\r\n2000\r\n"));
    }
}
