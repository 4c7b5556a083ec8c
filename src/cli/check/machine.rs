//! What the machine has to give: open files, and the right time.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Found;
use crate::config::Config;
use crate::listener;

/// Beside connections: the store's files, logs, listeners, Redis, webhooks, imports.
const OTHER_FILES: u64 = 512;

/// What systemd's own client of the time servers leaves once the clock is right.
const TIME_IS_SET: &str = "/run/systemd/timesync/synchronized";

/// How far clocks of gateways and their Redis may differ: what is older than a window or a lease is judged by them.
pub(in crate::cli) const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

/// Lets this process open as many files as it may be let: the lower of its two limits (1024 in most shells) is there for
/// programs older than `poll`.
///
/// # Errors
/// The kernel refuses it.
pub(in crate::cli) fn open_more_files() -> std::io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Whether as many files can be open at the same time as the configuration allows connections.
pub(super) fn files(config: &Config) -> Found {
    let mailboxes = if config.watch.imap { config.watch.max_mailboxes as u64 } else { 0 };
    enough(needed(config), mailboxes, getrlimit(Resource::Nofile).maximum)
}

fn enough(needed: u64, mailboxes: u64, most: Option<u64>) -> Found {
    match most {
        Some(most) if most < needed => Err(format!(
            "{most} may be open here and the configuration can need {needed}: raise LimitNOFILE= of the service \
             (`ulimit -Hn` in a shell), or lower edge.max_connections"
        )),
        Some(most) if most < needed + mailboxes => Ok(format!(
            "{most} may be open here, {needed} can be needed and one more for each watched mailbox, of which \
             watch.max_mailboxes allows {mailboxes}"
        )),
        Some(most) => Ok(format!("{most} may be open here, {needed} can be needed")),
        None => Ok(format!("no limit, {needed} can be needed")),
    }
}

/// The most that can be open at the same time, but for watched mailboxes: most installations have none.
fn needed(config: &Config) -> u64 {
    let connections = [
        config.edge.max_connections,
        2 * listener::CONNECTIONS,
        config.relay.connections,
        config.events.listeners,
    ];
    connections.into_iter().map(|count| count as u64).sum::<u64>() + OTHER_FILES
}

/// Whether somebody keeps this machine's clock right, as far as that can be seen.
pub(super) fn clock() -> String {
    if Path::new(TIME_IS_SET).exists() {
        return "set by systemd-timesyncd".into();
    }
    "who sets it cannot be seen here: `timedatectl` should say that it is synchronised, as signals are judged by their age"
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_needs_a_file() {
        let mut config = Config::load(&[], []).expect("the default file");
        let before = needed(&config);
        config.edge.max_connections += 1000;
        assert_eq!(needed(&config), before + 1000);
    }

    #[test]
    fn too_few_are_told_with_both_numbers() {
        let error = enough(20_000, 0, Some(1024)).expect_err("too few");
        assert!(
            error.contains("1024") && error.contains("20000") && error.contains("LimitNOFILE="),
            "{error}"
        );
        enough(20_000, 0, Some(20_000)).expect("just enough");
        enough(20_000, 0, None).expect("no limit");
        let told = enough(20_000, 5_000, Some(24_000)).expect("enough without mailboxes");
        assert!(told.contains("watch.max_mailboxes allows 5000"), "{told}");
    }
}
