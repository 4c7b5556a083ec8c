//! A real Chromium without a window, driven over its debugging pipe.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process;
use super::wait::SOON;

const PROGRAM: &str = "/usr/bin/chromium";

/// What it says it is: the same without this has `HeadlessChrome` in it, and is taken for the machine it is.
const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

/// A browser with one page open. Dropping it ends it.
pub struct Browser {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    /// The page that commands go to.
    session: Option<String>,
    /// An empty page.
    other: Value,
    number: u64,
    _home: TempDir,
}

impl Browser {
    /// Starts it and opens an empty page.
    ///
    /// # Panics
    ///
    /// If it is not installed, or does not answer.
    pub fn start() -> Browser {
        assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is missing: run tests/install");
        let home = tempfile::Builder::new().prefix("vigie-").tempdir().expect("a temporary directory");
        let child = spawn(home.path());
        let open =
            |name| OpenOptions::new().read(true).write(true).open(home.path().join(name)).expect("a pipe");
        let (commands, answers) = (open("commands"), listen(open("answers")));
        let (session, other) = (None, Value::Null);
        let mut browser = Browser { child, commands, answers, session, other, number: 0, _home: home };
        browser.other = browser.new_page();
        let attach = json!({"targetId": browser.new_page(), "flatten": true});
        let attached = browser.ask("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().expect("a session").to_owned());
        browser
    }

    /// Goes to another address in the same page.
    pub fn go(&mut self, url: &str) {
        let gone = self.ask("Page.navigate", &json!({"url": url}));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
    }

    /// Clicks into the page, as a person does.
    pub fn click(&mut self) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": 20, "y": 20, "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", &event);
        }
    }

    /// Turns to another page: this one is in view no more. (Closing it is no such sure thing: a busy browser does not
    /// wait for what a page that is closed would still say.)
    pub fn turn_away(&mut self) {
        self.session = None;
        let target = json!({"targetId": self.other});
        self.ask("Target.activateTarget", &target);
    }

    fn new_page(&mut self) -> Value {
        self.ask("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].take()
    }

    /// Asks and waits for the answer; what happens meanwhile is passed over.
    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut command = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let text = format!("{command}\0");
        self.commands.write_all(text.as_bytes()).expect("the browser listens");
        loop {
            let mut answer = self.answers.recv_timeout(SOON).expect("the browser answers");
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        process::stop(&mut self.child);
    }
}

/// Runs the browser with its pipes in `home`: commands on descriptor 3, answers on 4.
fn spawn(home: &Path) -> Child {
    let made = Command::new("mkfifo").arg(home.join("commands")).arg(home.join("answers")).status();
    assert!(made.expect("every Debian has mkfifo").success());
    Command::new("sh")
        .args(["-c", r#"exec "$0" "$@" 3<>commands 4<>answers"#, PROGRAM])
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .args(["--remote-debugging-pipe", "--user-data-dir=profile"])
        .arg(format!("--user-agent={AGENT}"))
        .current_dir(home)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("every Debian has sh")
}

/// Reads answers until the browser is gone.
fn listen(pipe: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for text in BufReader::new(pipe).split(0).map_while(Result::ok) {
            let answer = serde_json::from_slice(&text).expect("the browser speaks JSON");
            if sender.send(answer).is_err() {
                return;
            }
        }
    });
    receiver
}
