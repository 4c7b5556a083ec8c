//! Stops a server whose tests were killed before they could do so.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, which comes when the tests are gone, as
/// nobody ever writes to it. Then it does what dropping the server would do.
const SCRIPT: &str = r#"
read -r _
kill -s TERM -- "-$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -s 0 -- "-$1" || break
    sleep 0.5
done
kill -s KILL -- "-$1"
rm -rf -- "$2"
"#;

/// A small process that outlives the tests, should they be interrupted or
/// killed, and then stops a server and removes its directory.
#[derive(Debug)]
pub struct Watcher {
    child: Child,
}

impl Watcher {
    /// Watches over the process group `group` and the directory `dir`.
    pub fn start(group: u32, dir: &Path) -> Watcher {
        // In a session of its own, as Ctrl-C would end it along with the tests.
        let child = Command::new("setsid")
            .args(["sh", "-c", SCRIPT, "vigie-test-watcher"])
            .arg(group.to_string())
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("every Debian has setsid and sh");
        Watcher { child }
    }
}

impl Drop for Watcher {
    /// Ends the watch; the server has been stopped by now.
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
