//! The users that servers run as.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// A user of this machine.
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
}

impl User {
    /// Looks the user up by name.
    pub fn named(name: &str) -> User {
        let users = fs::read_to_string("/etc/passwd").expect("every Debian has /etc/passwd");
        users
            .lines()
            .filter_map(User::parse)
            .find_map(|(found, user)| (found == name).then_some(user))
            .unwrap_or_else(|| panic!("there is no user {name}: run tests/install"))
    }

    /// Reads one line of `/etc/passwd`: name, password, user, group, and more.
    fn parse(line: &str) -> Option<(&str, User)> {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, User { uid, gid }))
    }
}

/// Whether the tests run as root.
pub fn am_root() -> bool {
    let own = fs::metadata("/proc/self").expect("Linux has /proc");
    own.uid() == 0
}
