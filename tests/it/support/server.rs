//! Starts a server program in a temporary directory, and stops it again.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::process;
use super::user::User;
use super::watcher::Watcher;

/// How long a server may take until it greets.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to try whether it greets yet.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How many ports to try: somebody else may take a free one before the server.
const ATTEMPTS: usize = 3;

/// The file for what the program prints.
const OUTPUT: &str = "output";

/// How to run one kind of server.
pub struct Recipe {
    /// The program, by its full path.
    pub program: &'static str,
    /// Writes the configuration, and returns the program's arguments.
    pub prepare: fn(&Site) -> Vec<String>,
    /// The files it logs to, besides what it prints.
    pub logs: &'static [&'static str],
    /// What to send so that it answers with its site's name: nothing, for a
    /// server that greets first.
    pub greeting_request: &'static str,
}

/// Where one server runs.
pub struct Site {
    /// The address it listens on.
    pub addr: SocketAddr,
    /// The directory for everything it reads and writes.
    dir: TempDir,
}

/// A running server. Dropping it stops the server and removes its files.
pub struct Server {
    recipe: &'static Recipe,
    child: Child,
    /// Only held: it ends its watch once the server has been stopped.
    _watcher: Watcher,
    site: Site,
}

impl Recipe {
    /// Starts the server, and waits until it greets.
    ///
    /// # Panics
    ///
    /// If the program is not installed, or does not come up.
    pub async fn start(&'static self) -> Server {
        assert!(Path::new(self.program).exists(), "{} is missing: run tests/install", self.program);
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let mut server = self.run();
            if server.greets().await {
                return server;
            }
            log = server.log();
        }
        panic!("{} did not greet in {ATTEMPTS} attempts; at last it said:\n{log}", self.program);
    }

    /// Runs the server on a port that was free a moment ago.
    fn run(&'static self) -> Server {
        let site = Site::new();
        let child = self.spawn(&site);
        let watcher = Watcher::start(child.id(), site.dir.path());
        Server { recipe: self, child, _watcher: watcher, site }
    }

    /// Runs the program. What it prints goes to the file [`OUTPUT`].
    fn spawn(&self, site: &Site) -> Child {
        let arguments = (self.prepare)(site);
        let output = File::create(site.path(OUTPUT)).expect("the directory is ours");
        let errors = output.try_clone().expect("a file can be shared");
        // In a session of its own, so that all it starts can be found and stopped.
        Command::new("setsid")
            .arg(self.program)
            .args(arguments)
            .current_dir(site.dir())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", self.program))
    }
}

impl Site {
    /// Makes a directory and finds a free port.
    fn new() -> Site {
        let dir =
            tempfile::Builder::new().prefix("vigie-").tempdir().expect("a temporary directory can be made");
        // Servers read their files as users of their own.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("the directory is ours");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("a bound listener has an address");
        Site { addr, dir }
    }

    /// A name no other server running on this machine has, made to be a host name.
    pub fn name(&self) -> String {
        let dir = self.dir.path().file_name().expect("a temporary directory has a name");
        format!("{}.invalid", dir.to_string_lossy())
    }

    /// The directory, as configuration files need it.
    pub fn dir(&self) -> &str {
        self.dir.path().to_str().expect("TMPDIR has a readable name")
    }

    /// The path of `file` in the directory.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Writes `file` in the directory.
    pub fn write(&self, file: &str, content: &str) {
        fs::write(self.path(file), content).expect("the directory is ours");
    }

    /// Makes the folder `folder` in the directory, for `owner` alone to write in.
    pub fn make_folder(&self, folder: &str, owner: &User) {
        let path = self.path(folder);
        fs::create_dir(&path).expect("the directory is ours");
        chown(&path, Some(owner.uid), Some(owner.gid)).expect("root may give folders away");
    }
}

impl Server {
    /// Where the server runs.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// What it has logged and printed so far.
    pub fn log(&self) -> String {
        let mut log = String::new();
        for file in self.recipe.logs.iter().chain(&[OUTPUT]) {
            // There is no file before there is something to log.
            let content = fs::read(self.site.path(file)).unwrap_or_default();
            log += &String::from_utf8_lossy(&content);
        }
        log
    }

    /// Waits until the server answers with its name. `false` if it ended, as when
    /// somebody else has taken the port, or takes too long.
    async fn greets(&mut self) -> bool {
        let start = Instant::now();
        let name = self.site.name();
        while start.elapsed() < PATIENCE {
            let answer = answers(self.site.addr, self.recipe.greeting_request, &name);
            // Somebody else's answer, or one that it is not ready yet: if the port is taken, the server ends.
            if let Ok(Ok(true)) = timeout(PATIENCE, answer).await {
                return true;
            }
            if self.child.try_wait().expect("the server is our child").is_some() {
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        process::stop(&mut self.child);
    }
}

/// Connects, sends `request`, and reads until `name` comes or nothing more.
async fn answers(addr: SocketAddr, request: &str, name: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while stream.read_buf(&mut answer).await? > 0 {
        if String::from_utf8_lossy(&answer).contains(name) {
            return Ok(true);
        }
    }
    Ok(false)
}
