//! A real Postfix that keeps every mail for `example.test` and `example.org`.

use std::fs::{File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;

use super::maildir;
use super::server::{Recipe, Server, Site};
use super::user::{User, am_root};

/// Postfix's first process; it starts the others as they are needed.
static RECIPE: Recipe = recipe(|site| prepare(site, ""));

/// The same, asking a policy server about each recipient.
static ASKING: Recipe =
    recipe(|site| prepare(site, &format!(",\n    check_policy_service unix:{}/{POLICY}", site.dir())));

/// Where the policy server listens.
const POLICY: &str = "policy";

const fn recipe(prepare: fn(&Site) -> Vec<String>) -> Recipe {
    Recipe { program: "/usr/lib/postfix/sbin/master", prepare, logs: &["log"], greeting_request: "" }
}

/// The folders of a queue that Postfix does not make by itself. It writes in
/// all of them as its own user.
const QUEUE_FOLDERS: [&str; 14] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "private",
    "public", "saved", "trace", "data",
];

/// Where mail goes that does not stay.
const TRANSPORT: &str = "transport";

/// A Postfix of its own, as a relay out in the world would run it: it offers
/// PIPELINING and CHUNKING, and answers 250 once the mail is safe on disk.
///
/// A recipient that starts with `refused` gets 550, one that starts with
/// `deferred` gets 451, one at any other domain gets 554. After ten refusals
/// in one connection it slows down, after twenty it hangs up with 421, as
/// Postfix does everywhere.
pub struct Postfix {
    server: Server,
}

impl Postfix {
    /// Starts a Postfix, and waits until it greets.
    ///
    /// # Panics
    ///
    /// If Postfix is not installed, does not come up, or may not run: it needs
    /// root, as each of its programs runs as a user of its own.
    pub async fn start() -> Postfix {
        assert!(
            am_root(),
            "Postfix needs root: run the tests as root, or set CARGO_TARGET_<TARGET>_RUNNER='sudo -E'"
        );
        Postfix { server: RECIPE.start().await }
    }

    /// Starts one that does with each recipient what `action` says, in the words of access(5); `DUNNO` is nothing.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn asking(action: impl FnMut(&str) -> String + Send + 'static) -> Postfix {
        assert!(am_root(), "Postfix needs root: see Postfix::start");
        let server = ASKING.start().await;
        let socket = server.site().path(POLICY);
        let listener = UnixListener::bind(&socket).expect("the directory is ours");
        std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("the socket is ours");
        tokio::spawn(answer_policies(listener, Arc::new(Mutex::new(action))));
        Postfix { server }
    }

    /// Where it accepts mail.
    pub fn addr(&self) -> SocketAddr {
        self.server.site().addr
    }

    /// Has mail for some addresses or domains go elsewhere, a line each as in Postfix's `transport(5)`. Before the first mail.
    pub fn route(&self, lines: &str) {
        self.server.site().write(TRANSPORT, lines);
    }

    /// Every mail that is delivered by now, oldest first.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        maildir::read(&self.server)
    }

    /// Waits until `count` mails or more are delivered, and returns them:
    /// Postfix delivers a mail shortly after it has accepted it.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<Vec<u8>> {
        maildir::wait_for(&self.server, count).await
    }
}

/// A policy server: attributes, one a line, an empty line; then what is to be done.
async fn answer_policies(
    listener: UnixListener,
    action: Arc<Mutex<impl FnMut(&str) -> String + Send + 'static>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let action = Arc::clone(&action);
        tokio::spawn(async move {
            let (from, mut to) = stream.into_split();
            let (mut lines, mut recipient) = (BufReader::new(from).lines(), String::new());
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(who) = line.strip_prefix("recipient=") {
                    who.clone_into(&mut recipient);
                }
                if line.is_empty() {
                    let action = (action.lock().expect("no test panics with it"))(&recipient);
                    if to.write_all(format!("action={action}\n\n").as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// Writes Postfix's configuration and makes its folders; `asking` stands behind what is asked of each recipient.
fn prepare(site: &Site, asking: &str) -> Vec<String> {
    make_queue(site);
    site.make_folder(maildir::FOLDER, &User::named("nobody"));
    site.write(TRANSPORT, "");
    site.write("main.cf", &main_cf(site, asking));
    make_old(&site.path("main.cf"));
    site.write("master.cf", &master_cf(site.addr));
    // -s stays in the foreground; "postfix start-fg" would put a shell between.
    vec!["-c".into(), site.dir().into(), "-s".into()]
}

/// Makes the file look old: Postfix waits two seconds before it trusts a
/// `main.cf` that was just written, lest somebody is still writing it.
fn make_old(file: &Path) {
    let file = File::options().write(true).open(file).expect("the file was just written");
    file.set_modified(SystemTime::UNIX_EPOCH).expect("the file is ours");
}

/// Makes the folders of an empty queue.
fn make_queue(site: &Site) {
    let postfix = User::named("postfix");
    let root = User::named("root");
    site.make_folder("queue", &root);
    site.make_folder("queue/pid", &root);
    for folder in QUEUE_FOLDERS {
        site.make_folder(&format!("queue/{folder}"), &postfix);
    }
}

/// The settings, as far as they differ from what Postfix has by default.
fn main_cf(site: &Site, asking: &str) -> String {
    let dir = site.dir();
    let name = site.name();
    let mail = maildir::FOLDER;
    let nobody = User::named("nobody");
    let (uid, gid) = (nobody.uid, nobody.gid);
    format!(
        "# Where things are.
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/queue/data
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
inet_protocols = ipv4
myhostname = {name}
smtpd_banner = $myhostname ESMTP

# We are a stranger to it, although we come from 127.0.0.1: it neither relays
# for us nor completes our header fields.
mynetworks =
local_header_rewrite_clients =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
    check_recipient_access regexp:{{
        {{ /^refused/ 550 5.1.1 No such user here }}
        {{ /^deferred/ 451 4.3.0 Try again later }} }}{asking}

# Benchmarks open many connections.
smtpd_client_connection_count_limit = 0

# Every mail goes to one Maildir, and none leaves the machine.
mydestination =
alias_maps =
virtual_mailbox_domains = example.test, example.org
virtual_mailbox_base = {dir}
virtual_mailbox_maps = static:{mail}/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = error:no mail leaves a test

# But what a test routes elsewhere.
transport_maps = texthash:{dir}/{TRANSPORT}
recipient_delimiter = +
"
    )
}

/// The programs Postfix is made of, none of them in a chroot.
fn master_cf(addr: SocketAddr) -> String {
    format!(
        "# service type private unpriv chroot wakeup maxproc command
{addr} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n - 0 flush
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"
    )
}
