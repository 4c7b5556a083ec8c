//! A real Exim that keeps every mail for `example.test` and `example.org`.

use std::net::SocketAddr;

use super::maildir;
use super::server::{Recipe, Server, Site};
use super::user::{User, am_root};

/// The Exim that `tests/install` unpacks: Debian does not let Exim be
/// installed next to Postfix.
static RECIPE: Recipe = Recipe {
    program: "/opt/vigie-tests/exim4/usr/sbin/exim4",
    prepare,
    logs: &["log/main", "log/panic"],
    greeting_request: "",
};

/// The user Debian's Exim becomes as soon as it has bound its port.
const EXIM_USER: &str = "Debian-exim";

/// An Exim of its own, as a relay out in the world would run it: it offers
/// PIPELINING and CHUNKING, and answers 250 once the mail is safe on disk.
///
/// A recipient that starts with `refused` gets 550, one that starts with
/// `deferred` gets 451, one at any other domain gets 550.
/// The twelfth RSET without a mail between gets 554 and the connection ends, as
/// with Exim everywhere. A header line that ends in LF alone gets 552.
pub struct Exim {
    server: Server,
}

impl Exim {
    /// Starts an Exim, and waits until it greets.
    ///
    /// # Panics
    ///
    /// If Exim is not installed, does not come up, or may not run: only root
    /// may give Exim a configuration file other than the machine's.
    pub async fn start() -> Exim {
        assert!(
            am_root(),
            "Exim needs root: run the tests as root, or set CARGO_TARGET_<TARGET>_RUNNER='sudo -E'"
        );
        Exim { server: RECIPE.start().await }
    }

    /// Where it accepts mail.
    pub fn addr(&self) -> SocketAddr {
        self.server.site().addr
    }

    /// Waits until `count` mails or more are delivered, and returns them:
    /// Exim delivers a mail shortly after it has accepted it.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<Vec<u8>> {
        maildir::wait_for(&self.server, count).await
    }
}

/// Writes Exim's configuration and makes its folders.
fn prepare(site: &Site) -> Vec<String> {
    let exim = User::named(EXIM_USER);
    for folder in ["spool", "log", maildir::FOLDER] {
        site.make_folder(folder, &exim);
    }
    site.write("exim.conf", &configuration(site));
    // -bdf stays in the foreground.
    vec!["-C".into(), site.path("exim.conf").display().to_string(), "-bdf".into()]
}

/// The whole configuration: settings, what to accept, where to put it.
fn configuration(site: &Site) -> String {
    let dir = site.dir();
    let name = site.name();
    let mail = maildir::FOLDER;
    let (ip, port) = (site.addr.ip(), site.addr.port());
    format!(
        "# Where things are.
spool_directory = {dir}/spool
log_file_path = {dir}/log/%s
pid_file_path = {dir}/spool/exim.pid
local_interfaces = {ip}
daemon_smtp_ports = {port}
disable_ipv6
keep_environment =
primary_hostname = {name}
smtp_banner = $primary_hostname ESMTP

# It runs without set-user-ID, so deliveries run as Exim's own user too.
deliver_drop_privilege

chunking_advertise_hosts = *
pipelining_advertise_hosts = *

# No TLS. But Exim prepares for it all the same, which can take half a second
# of making keys, unless the certificate's name has to be worked out later.
tls_advertise_hosts =
tls_certificate = $spool_directory/none

# Benchmarks open many connections and send many mails in each.
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0

domainlist ours = example.test : example.org
acl_smtp_rcpt = check_recipient
acl_smtp_data = accept

begin acl

check_recipient:
  deny   local_parts = ^refused
         message     = No such user here
  defer  local_parts = ^deferred
         message     = Try again later
  accept domains     = +ours
  deny   message     = No relaying

begin routers

every_mail:
  driver = accept
  domains = +ours
  transport = maildir

begin transports

maildir:
  driver = appendfile
  maildir_format
  directory = {dir}/{mail}
  user = {EXIM_USER}
  delivery_date_add
  envelope_to_add
  return_path_add
"
    )
}
