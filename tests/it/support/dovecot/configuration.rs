//! Dovecot's configuration, and who has a mailbox.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use super::{CONFIGURATION, Dovecot, KEY, LOG, PASSWORD, PEM, Setup, USERS};
use crate::support::user::am_root;

/// As root, mailboxes belong to system users from this one on. Nobody has them; Dovecot does not ask.
const FIRST_UID: u32 = 50_000;

/// So many system users are enough for any crowd: with 128 inotify instances each, they can idle 12 800 times.
const UIDS: u32 = 100;

/// The program's own users as Debian makes them, for when it starts as root.
const USERS_OF_ROOT: &str = "default_internal_user = dovecot\ndefault_login_user = dovenull";

/// Writes all it needs into the server's directory.
pub(super) fn write(dovecot: &Dovecot, setup: &Setup) {
    let dir = dovecot.dir.path();
    // Its processes run as users of their own.
    fs::set_permissions(dir, Permissions::from_mode(0o755)).expect("the directory is ours");
    fs::create_dir(dir.join("mail")).expect("the directory is ours");
    let text = dir.to_str().expect("TMPDIR has a readable name");
    for (name, content) in &setup.files {
        let file = dir.join(name);
        fs::create_dir_all(file.parent().expect("it has a name")).expect("the directory is ours");
        fs::write(file, content.replace("LABDIR", text)).expect("the directory is ours");
    }
    fs::write(dir.join(USERS), users(dir, setup.crowd)).expect("the directory is ours");
    let more = setup.configuration.replace("LABDIR", text);
    let configuration = [own(dovecot, text), services(dovecot), more, String::new()].join("\n");
    fs::write(dir.join(CONFIGURATION), configuration).expect("the directory is ours");
}

/// One line for each mailbox, and its folder: name, password, system user and group, and where it is.
fn users(dir: &Path, crowd: usize) -> String {
    let mut lines = Vec::new();
    let people = ["alice@example.test", "bob@example.test"].map(str::to_owned);
    let all = people.into_iter().chain((0..crowd).map(Dovecot::member));
    for (user, uid) in all.zip((FIRST_UID..FIRST_UID + UIDS).cycle()) {
        let home = dir.join("mail").join(&user);
        fs::create_dir(&home).expect("nobody else has a mailbox of this name");
        if am_root() {
            chown(&home, Some(uid), Some(uid)).expect("root may give folders away");
        }
        let owner = fs::metadata(&home).expect("it is ours");
        let (uid, gid, home) = (owner.uid(), owner.gid(), home.display());
        lines.push(format!("{user}:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{home}::\n"));
    }
    lines.concat()
}

/// What every test wants.
fn own(dovecot: &Dovecot, dir: &str) -> String {
    let name = dovecot.name();
    let program_users = if am_root() { USERS_OF_ROOT.to_owned() } else { users_of_caller() };
    format!(
        "# Where things are.
base_dir = {dir}/run
state_dir = {dir}/run
instance_name = {name}
log_path = {dir}/{LOG}
mail_location = maildir:~/Maildir
login_greeting = {name} ready.
protocols = imap
listen = 127.0.0.1
{program_users}

# Who has a mailbox.
auth_mechanisms = plain login
auth_username_format = %Lu
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = passwd-file
  args = {dir}/{USERS}
}}
userdb {{
  driver = passwd-file
  args = {dir}/{USERS}
}}
namespace inbox {{
  inbox = yes
}}

# TLS for who wants it.
ssl = yes
ssl_cert = <{dir}/{PEM}
ssl_key = <{dir}/{KEY}
disable_plaintext_auth = no
"
    )
}

/// Where it listens, and room for thousands of sessions.
fn services(dovecot: &Dovecot) -> String {
    let (port, tls_port) = (dovecot.addr.port(), dovecot.tls_addr.port());
    format!(
        "# One login process for all, as in a provider's Dovecot.
service imap-login {{
  chroot =
  service_count = 0
  client_limit = 10000
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service imap {{
  process_limit = 10000
}}
service auth {{
  client_limit = 20000
}}
service anvil {{
  chroot =
  client_limit = 20000
  # Whoever types a wrong password is answered slowly, and so is the next to come from the same address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_failure_delay = 0
"
    )
}

/// The caller's own user for everything: nobody else is to be had without being root.
fn users_of_caller() -> String {
    let own = fs::metadata("/proc/self").expect("Linux has /proc");
    let (user, group) = (name_of("/etc/passwd", own.uid()), name_of("/etc/group", own.gid()));
    format!(
        "default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}"
    )
}

/// The name of the user or group with this number, which is the third field of its line.
fn name_of(file: &str, number: u32) -> String {
    let lines = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let number = number.to_string();
    let line = lines.lines().find(|line| line.split(':').nth(2) == Some(&number));
    let line = line.unwrap_or_else(|| panic!("{file} has no {number}"));
    line.split(':').next().expect("there is always a first field").to_owned()
}
