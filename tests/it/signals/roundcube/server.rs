//! Debian's Roundcube on PHP's own web server, with a directory, a database and a configuration of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use hyper::{Method, Request};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::super::integrations::filled;
use crate::support::dovecot::PASSWORD;
use crate::support::http::{Answer, ask};
use crate::support::ports::free_ports;
use crate::support::process;
use crate::support::wait::{SOON, wait_until};
use crate::support::watcher::Watcher;

/// Where Debian has it.
const PROGRAM: &str = "/usr/share/roundcube";
const DEFAULTS: &str = "/etc/roundcube/defaults.inc.php";
const MIME_TYPES: &str = "/etc/roundcube/mimetypes.php";

/// The plugin, in `config/integrations`.
const PLUGIN: &str = "roundcube/vigie_signal";

/// A running Roundcube.
pub struct Roundcube {
    addr: SocketAddr,
    child: Child,
    _watcher: Watcher,
    dir: TempDir,
}

impl Roundcube {
    /// Starts one for the mailboxes at `imap`, whose plugin reports to `api`.
    pub async fn start(imap: SocketAddr, api: SocketAddr) -> Roundcube {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: run tests/install");
        let dir = tempfile::Builder::new().prefix("roundcube-").tempdir().expect("a temporary directory");
        furnish(dir.path(), imap, api);
        let port = free_ports(1)[0];
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let log = File::create(dir.path().join("php.log")).expect("the directory is ours");
        let child = Command::new("php")
            .args(["-S", &addr.to_string(), "-t", "."])
            .args(["-d", "auto_prepend_file=prepend.php", "-d", "include_path=.:/usr/share/php"])
            .current_dir(dir.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("tests/install installs php");
        let watcher = Watcher::start(child.id(), dir.path());
        let roundcube = Roundcube { addr, child, _watcher: watcher, dir };
        wait_until("Roundcube listens", SOON, async || TcpStream::connect(addr).await.ok()).await;
        roundcube
    }

    /// Somebody logs in by its form.
    pub async fn login(&self, user: &str) -> Visitor<'_> {
        let mut visitor = Visitor { roundcube: self, cookies: Vec::new(), token: String::new() };
        visitor.click("/?_task=login").await;
        let token = visitor.token.clone();
        let form = format!(
            "_task=login&_action=login&_timezone=UTC&_url=&_token={token}&_user={user}&_pass={PASSWORD}"
        );
        let answer = visitor.ask(Method::POST, "/?_task=login", form).await;
        assert_eq!(answer.status, 302, "it lets nobody in: {}\n{}", answer.text(), self.log());
        visitor.click(answer.header("location").trim_start_matches('.')).await;
        visitor
    }

    fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        ["php.log", "logs/errors.log"].map(read).concat()
    }
}

impl Drop for Roundcube {
    fn drop(&mut self) {
        process::stop(&mut self.child);
    }
}

/// Somebody's browser.
pub struct Visitor<'a> {
    roundcube: &'a Roundcube,
    cookies: Vec<(String, String)>,
    /// Which its pages want back.
    token: String,
}

impl Visitor<'_> {
    /// Opens a page; returns it.
    pub async fn click(&mut self, path: &str) -> String {
        let answer = self.ask(Method::GET, path, String::new()).await;
        assert_eq!(answer.status, 200, "{path}: {}\n{}", answer.text(), self.roundcube.log());
        let page = answer.text();
        for (before, after) in [("\"request_token\":\"", '"'), ("name=\"_token\" value=\"", '"')] {
            if let Some((token, _)) = page.split_once(before).and_then(|(_, rest)| rest.split_once(after)) {
                token.clone_into(&mut self.token);
            }
        }
        page
    }

    /// What an open tab does by itself every minute.
    pub async fn refresh(&mut self) {
        let form = format!("_remote=1&_unlock=0&_mbox=INBOX&_token={}", self.token);
        let answer = self.ask(Method::POST, "/?_task=mail&_action=refresh", form).await;
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), self.roundcube.log());
        assert!(answer.text().contains("\"action\":\"refresh\""), "{}", answer.text());
    }

    /// Leaves by its button.
    pub async fn logout(mut self) {
        let path = format!("/?_task=logout&_token={}", self.token);
        self.ask(Method::GET, &path, String::new()).await;
    }

    async fn ask(&mut self, method: Method, path: &str, form: String) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(COOKIE, cookies.join("; "))
            .header("x-roundcube-request", &self.token)
            .header("x-requested-with", "XMLHttpRequest")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Full::from(form)).expect("a request");
        let answer = ask(self.roundcube.addr, request).await.expect("Roundcube answers");
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("ASCII").split(';').next().unwrap_or_default();
            let (name, value) = cookie.split_once('=').expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }
}

/// Makes the directory what `/var/lib/roundcube` is on a Debian machine, with the plugin in it.
fn furnish(dir: &Path, imap: SocketAddr, api: SocketAddr) {
    for name in ["index.php", "program", "skins", "SQL"] {
        symlink(Path::new(PROGRAM).join(name), dir.join(name)).expect("the directory is ours");
    }
    for name in ["config", "logs", "temp", "plugins", "plugins/vigie_signal"] {
        fs::create_dir(dir.join(name)).expect("the directory is ours");
    }
    for name in ["plugins/filesystem_attachments", "plugins/jqueryui"] {
        symlink(Path::new(PROGRAM).join(name), dir.join(name)).expect("the directory is ours");
    }
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).expect("the directory is ours");
    fs::copy(DEFAULTS, dir.join("config/defaults.inc.php")).expect("Debian has it there");
    fs::copy(MIME_TYPES, dir.join("config/mimetypes.php")).expect("Debian has it there");
    let here = dir.display();
    write("prepend.php", &format!("<?php define('INSTALL_PATH', '{here}/');\n"));
    write("config/config.inc.php", &configuration(dir, imap));
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/integrations").join(PLUGIN);
    fs::copy(plugin.join("vigie_signal.php"), dir.join("plugins/vigie_signal/vigie_signal.php"))
        .expect("copied");
    let dist = "config.inc.php.dist";
    fs::copy(plugin.join(dist), dir.join("plugins/vigie_signal").join(dist)).expect("copied");
    write("plugins/vigie_signal/config.inc.php", &filled(&format!("{PLUGIN}/{dist}"), api));
    let schema = format!(".read {PROGRAM}/SQL/sqlite.initial.sql");
    let made = Command::new("sqlite3").arg(dir.join("roundcube.db")).arg(schema).status();
    assert!(made.expect("tests/install installs sqlite3").success());
}

fn configuration(dir: &Path, imap: SocketAddr) -> String {
    let here = dir.display();
    format!(
        "<?php
$config['db_dsnw'] = 'sqlite:///{here}/roundcube.db?mode=0600';
$config['imap_host'] = '{imap}';
$config['smtp_host'] = '';
$config['des_key'] = '0123456789abcdef01234567';
$config['log_dir'] = '{here}/logs/';
$config['temp_dir'] = '{here}/temp/';
$config['plugins'] = ['vigie_signal'];
$config['skin'] = 'elastic';
$config['language'] = 'en_US';
"
    )
}
